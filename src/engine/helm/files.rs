//! The files of a chart's folder, by their names.

/// The file with the own values of a chart.
const DEFAULTS: &str = "values.yaml";
/// What a chart asks of its values.
const SCHEMA: &str = "values.schema.json";
/// The file that makes a folder a chart.
pub(super) const CHART: &str = "Chart.yaml";

/// The file that says that a folder is a chart.
pub fn chart_in(folder: &str) -> String {
    joined(folder, CHART)
}

/// The schema of the values of the chart in a folder.
pub fn schema_in(folder: &str) -> String {
    joined(folder, SCHEMA)
}

/// The own values of the chart in a folder.
pub(super) fn defaults_of(folder: &str) -> String {
    joined(folder, DEFAULTS)
}

fn joined(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// The folder of a path.
pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a file has the name of values of the chart beside it: `values.yaml`, `values-prod.yaml`, …
pub fn is_named_values(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("values") && (name.ends_with(".yaml") || name.ends_with(".yml"))
}
