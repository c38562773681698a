//! Prepares the assets: joins the styles, names each file by its content, and compresses it.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// Name, extension, media type, and the files that make it up.
const ASSETS: &[(&str, &str, &str, &[&str])] = &[
    (
        "admin",
        "css",
        "text/css; charset=utf-8",
        &["tokens.css", "admin.css"],
    ),
    ("icons", "svg", "image/svg+xml", &["icons.svg"]),
    ("mark", "svg", "image/svg+xml", &["mark.svg"]),
    ("ui", "js", "text/javascript; charset=utf-8", &["ui.js"]),
    ("editor", "js", "text/javascript; charset=utf-8", &["editor.js"]),
    ("htmx", "js", "text/javascript; charset=utf-8", &["htmx.js"]),
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=templates");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let mut table = String::from("pub(crate) const ALL: &[Asset] = &[\n");
    let mut names = String::new();
    for (name, extension, kind, files) in ASSETS {
        let mut plain = Vec::new();
        for file in *files {
            plain.extend(fs::read(Path::new("assets").join(file))?);
        }
        let digest = Sha256::digest(&plain);
        let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let path = format!("/assets/{name}-{hash}.{extension}");
        let file = Path::new(&out).join(format!("{name}.{extension}"));
        fs::write(&file, &plain)?;
        fs::write(file.with_extension(format!("{extension}.br")), brotli_of(&plain)?)?;
        fs::write(file.with_extension(format!("{extension}.gz")), gzip_of(&plain)?)?;
        let file = file.display();
        let _ = writeln!(
            table,
            "    Asset {{ path: \"{path}\", kind: \"{kind}\", plain: include_bytes!(\"{file}\"), \
             brotli: include_bytes!(\"{file}.br\"), gzip: include_bytes!(\"{file}.gz\") }},"
        );
        let constant = format!("{name}_{extension}").to_uppercase();
        let _ = writeln!(
            names,
            "/// The path of `{name}.{extension}`.\npub(crate) const {constant}: &str = \"{path}\";"
        );
    }
    table.push_str("];\n");
    fs::write(Path::new(&out).join("assets.rs"), names + &table)
}

fn brotli_of(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    brotli::CompressorWriter::new(&mut compressed, 4096, 11, 22).write_all(plain)?;
    Ok(compressed)
}

fn gzip_of(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}
