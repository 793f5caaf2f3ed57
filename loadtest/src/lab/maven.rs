//! Apache Kafka's jars, brought by Maven into a directory of the user's cache, once.
//!
//! Owns the pom, the directory, and the sentences about what is missing.

use crate::error::{Context, Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The version that is started.
pub const KAFKA_VERSION: &str = "4.3.1";

/// A binding for Kafka's log: without one a broker can end without a word.
const LOG_BINDING: (&str, &str, &str) = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.1");

/// Oldest Java that Kafka 4 runs on.
const JAVA_MIN: u32 = 17;

/// The jars' directory; Maven is asked only when it is not complete yet.
///
/// # Errors
///
/// Java or Maven missing, with what to install; or what Maven said.
pub fn kafka_jars() -> Result<PathBuf> {
    check_java()?;
    let home = cache()?.join(format!("kafka-{KAFKA_VERSION}"));
    let (jars, complete) = (home.join("libs"), home.join("complete"));
    if complete.exists() {
        return Ok(jars);
    }
    check_maven()?;
    std::fs::create_dir_all(&jars).doing(|| format!("cannot create {}", jars.display()))?;
    let pom = home.join("pom.xml");
    std::fs::write(&pom, pom_text()).doing(|| format!("cannot write {}", pom.display()))?;
    download(&pom, &jars)?;
    std::fs::write(&complete, "").doing(|| format!("cannot write {}", complete.display()))?;
    Ok(jars)
}

/// `$XDG_CACHE_HOME/klamm` or `~/.cache/klamm`.
fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| Some(set("HOME")?.join(".cache")))
        .map(|cache| cache.join("klamm"))
        .ok_or_else(|| Error::new("neither XDG_CACHE_HOME nor HOME is set: there is no place for Kafka's jars"))
}

fn check_java() -> Result<()> {
    let install = "Install a Java 17 or newer, on Debian: apt-get install openjdk-17-jre-headless";
    let output = run("java", &["-version"]).map_err(|error| error.try_this(install))?;
    let text = String::from_utf8_lossy(&output.stderr);
    match java_major(&text) {
        Some(major) if major >= JAVA_MIN => Ok(()),
        Some(major) => {
            Err(Error::new(format!("Kafka {KAFKA_VERSION} needs Java {JAVA_MIN}, this is Java {major}"))
                .try_this(install))
        }
        None => Err(Error::new("`java -version` says nothing that is understood").try_this(install)),
    }
}

/// From `openjdk version "17.0.12" ...`; a Java before 9 calls itself "1.8".
fn java_major(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    version.split(['.', '-', '+']).next()?.parse().ok()
}

fn check_maven() -> Result<()> {
    let install = "Install Maven, on Debian: apt-get install maven. It is needed once, to bring Kafka's jars.";
    run("mvn", &["--version"]).map(drop).map_err(|error| error.try_this(install))
}

fn run(program: &str, args: &[&str]) -> Result<Output> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output
        .map_err(|error| Error::new(format!("{program} is needed for --kafka and cannot be started: {error}")))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(Error::new(format!("{program} is needed for --kafka and does not work ({})", output.status)))
    }
}

fn download(pom: &Path, jars: &Path) -> Result<()> {
    let output = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "dependency:copy-dependencies"])
        .arg("--file")
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .stdin(Stdio::null())
        .output()
        .doing(|| "cannot start mvn".to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<String> = text.lines().filter(|line| line.contains("ERROR")).take(6).map(str::to_owned).collect();
    Err(Error::new("Maven could not bring Kafka's jars").with_log(lines).try_this("Is this machine online?"))
}

fn pom_text() -> String {
    let dependency = |(group, artifact, version): (&str, &str, &str)| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        )
    };
    let dependencies: String = [
        ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
        ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
        LOG_BINDING,
    ]
    .into_iter()
    .map(dependency)
    .collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion>
  <groupId>klamm</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <dependencies>
{dependencies}  </dependencies>
</project>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_tells_its_version_in_several_ways() {
        assert_eq!(java_major("openjdk version \"17.0.12\" 2024-07-16\nOpenJDK"), Some(17));
        assert_eq!(java_major("openjdk version \"21-ea\" 2023"), Some(21));
        assert_eq!(java_major("java version \"1.8.0_292\""), Some(1));
        assert_eq!(java_major("what"), None);
    }
}
