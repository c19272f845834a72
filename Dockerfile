# docker build .                 only imago, from scratch: for clusters
# docker build --target git .    with git and ssh: for pushing to a repository from inside a cluster
#
# The binary is static. Its home is /var/lib/imago: mount .docker/config.json and .kube/config there. Run it as user 1000 on a read-only root.

FROM docker.io/library/rust:1.95-alpine@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY benches ./benches
COPY demo/Cargo.toml ./demo/
ENV LIBZ_SYS_STATIC=1
RUN cargo build --profile dist --locked --bin imago && cp target/dist/imago /imago

FROM docker.io/library/alpine:3.22@sha256:5291449c3df73caf6ed85e649dec1b9e818b39a5d8c871e97afc13e9cd5e8fa8 AS certificates
RUN apk add --no-cache ca-certificates

FROM docker.io/library/alpine:3.22@sha256:5291449c3df73caf6ed85e649dec1b9e818b39a5d8c871e97afc13e9cd5e8fa8 AS git
RUN apk add --no-cache ca-certificates git openssh-client && adduser -D -u 1000 -h /var/lib/imago imago
COPY --from=build /imago /usr/bin/imago
USER 1000:1000
WORKDIR /var/lib/imago
ENTRYPOINT ["imago"]

FROM scratch AS imago
COPY --from=certificates /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /imago /usr/bin/imago
ENV HOME=/var/lib/imago PATH=/usr/bin
USER 1000:1000
WORKDIR /var/lib/imago
ENTRYPOINT ["imago"]
