//! The command line of `fetch`.

use lexopt::Arg::{Long, Short, Value};
use lexopt::{Parser, ValueExt};
use std::error::Error;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
Fetches many pages at once, one thread a page, and compares the engines.

usage: fetch [OPTIONS] [URL...]

Without a URL or --file it fetches from a server of its own.

  --count N          how many pages to fetch from its own server [10000]
  --delay MS         how long that server waits before each answer [1000]
  --https            that server speaks TLS, with a certificate made at start-up
  --file FILE        fetch the URLs in this file, one a line; # begins a comment
  --trust FILE       also trust the certificates in this PEM file
  --engine NAME      use this engine; may be repeated [all of this build]
  --limit N          fetch at most N pages at once [all]
  --timeout SECONDS  give up on a server that is silent for so long [30]
  --failures N       print the first N failures of each engine; all are counted [20]
  --strict           end with status 1 if a page could not be fetched
  --serve            only run the server, and print its port
";

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) urls: Vec<String>,
    pub(crate) file: Option<String>,
    pub(crate) count: usize,
    pub(crate) delay: Duration,
    pub(crate) https: bool,
    pub(crate) trust: Vec<String>,
    pub(crate) engines: Vec<String>,
    pub(crate) limit: usize,
    pub(crate) timeout: Duration,
    pub(crate) failures: u64,
    pub(crate) strict: bool,
    pub(crate) serve: bool,
    pub(crate) help: bool,
    /// What a child process is told: its engine, and the embedded server's certificate as PEM.
    pub(crate) on: Option<String>,
    pub(crate) trust_pem: Option<String>,
}

impl Options {
    pub(crate) fn parse() -> Result<Options, Box<dyn Error>> {
        let mut options = Options {
            urls: Vec::new(),
            file: None,
            count: 10_000,
            delay: Duration::from_millis(1000),
            https: false,
            trust: Vec::new(),
            engines: Vec::new(),
            limit: usize::MAX,
            timeout: Duration::from_secs(30),
            failures: 20,
            strict: false,
            serve: false,
            help: false,
            on: None,
            trust_pem: None,
        };
        let mut parser = Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(url) => options.urls.push(url.string()?),
                Short('h') => options.help = true,
                Long(name) => {
                    let name = name.to_string();
                    let set = options.set(&name, &mut parser);
                    set.map_err(|error| format!("--{name}: {error}"))?;
                }
                Short(_) => return Err(argument.unexpected().into()),
            }
        }
        Ok(options)
    }

    fn set(&mut self, option: &str, parser: &mut Parser) -> Result<(), Box<dyn Error>> {
        match option {
            "file" => self.file = Some(parser.value()?.string()?),
            "count" => self.count = number(parser)?,
            "delay" => self.delay = Duration::from_millis(number(parser)? as u64),
            "https" => self.https = true,
            "trust" => self.trust.push(parser.value()?.string()?),
            "engine" => self.engines.push(parser.value()?.string()?),
            "limit" => self.limit = positive(parser)?,
            "timeout" => self.timeout = Duration::from_secs(positive(parser)? as u64),
            "failures" => self.failures = number(parser)? as u64,
            "strict" => self.strict = true,
            "serve" => self.serve = true,
            "help" => self.help = true,
            "on" => self.on = Some(parser.value()?.string()?),
            "trust-pem" => self.trust_pem = Some(parser.value()?.string()?),
            _ => return Err("there is no such option".into()),
        }
        Ok(())
    }

    /// The arguments of the child process that does this on `engine`, at most `at_once`
    /// pages at a time.
    pub(crate) fn for_child(&self, engine: &str, at_once: usize) -> Vec<String> {
        let mut words = vec![
            format!("--on={engine}"),
            format!("--limit={at_once}"),
            format!("--timeout={}", self.timeout.as_secs()),
            format!("--failures={}", self.failures),
        ];
        words.extend(
            self.trust_pem
                .iter()
                .map(|pem| format!("--trust-pem={pem}")),
        );
        words
    }
}

fn number(parser: &mut Parser) -> Result<usize, Box<dyn Error>> {
    let text = parser.value()?.string()?;
    let number = text.parse();
    number.map_err(|_| format!("{text:?} is not a number").into())
}

fn positive(parser: &mut Parser) -> Result<usize, Box<dyn Error>> {
    match number(parser)? {
        0 => Err("it must be above 0".into()),
        number => Ok(number),
    }
}
