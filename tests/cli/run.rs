//! Runs the binary in an empty folder with an empty environment.

use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to run in, and the environment of what is run.
pub struct Place {
    dir: TempDir,
    environment: Vec<(String, String)>,
}

/// How a run ended and what it wrote.
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file that only its owner may read.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
        path
    }

    /// Every file and folder below, so that "nothing was written" can be said.
    pub fn entries(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.path().to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }

    pub fn sterna<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        self.sterna_with(args, b"")
    }

    /// The same with standard input.
    pub fn sterna_with<S: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sterna"))
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // Who does not read it closes it, which is no fault of the test.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A command that runs beside the test; it dies with it.
#[cfg(feature = "sandbox")]
pub struct Running {
    child: std::process::Child,
    talk: std::io::BufReader<std::process::ChildStderr>,
    said: String,
}

#[cfg(feature = "sandbox")]
impl Place {
    /// Starts a command and does not wait for it.
    pub fn start<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        self.start_as(Command::new(env!("CARGO_BIN_EXE_sterna")).args(args))
    }

    /// The same as another command.
    pub fn start_as(&self, command: &mut Command) -> Running {
        let mut child = command
            .current_dir(self.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let talk = std::io::BufReader::new(child.stderr.take().unwrap());
        Running {
            child,
            talk,
            said: String::new(),
        }
    }
}

#[cfg(feature = "sandbox")]
impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Reads standard error up to a line that has this in it.
    #[track_caller]
    pub fn says(&mut self, word: &str) {
        loop {
            let start = self.said.len();
            let read = self.talk.read_line(&mut self.said).unwrap();
            assert!(read > 0, "it never said {word:?}:\n{}", self.said);
            if self.said[start..].contains(word) {
                return;
            }
        }
    }

    /// Reads one line of standard output and closes it.
    pub fn read_one_line(&mut self) -> String {
        let stdout = self.child.stdout.take().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(stdout)
            .read_line(&mut line)
            .unwrap();
        line
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ran {
        let stdout = self.child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stdout) = stdout {
                stdout.read_to_end(&mut bytes).unwrap();
            }
            bytes
        });
        self.talk.read_to_string(&mut self.said).unwrap();
        Ran {
            code: self.child.wait().unwrap().code().unwrap_or(-1),
            stdout: reader.join().unwrap(),
            stderr: std::mem::take(&mut self.said),
        }
    }
}

#[cfg(feature = "sandbox")]
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
#[cfg(feature = "sandbox")]
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status();
    assert!(sent.unwrap().success(), "{name} to {pid}");
}

/// Looks until there is something to see; gives up, and fails, only when nothing can come any more.
#[cfg(feature = "sandbox")]
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    // A look is a process of its own: looking all the time would leave no time to what is looked at.
    for _ in 0..400 {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    panic!("never: {what}");
}

impl Ran {
    /// Fails unless the command ended so.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.text(), self.stderr);
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Fails unless standard error says all of these.
    #[track_caller]
    pub fn tells(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in:\n{}",
                self.stderr
            );
        }
        self
    }
}

#[cfg(unix)]
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
pub fn set_mode(_: &Path, _: u32) {}

/// A private key's text, the same for the same number.
pub fn key(number: u8) -> String {
    sterna::proto::Signer::from_seed([number; 32]).to_secret_text()
}

/// The DID of that key.
pub fn did(number: u8) -> String {
    sterna::proto::Signer::from_seed([number; 32])
        .did()
        .to_string()
}

/// A root that nobody has.
pub const ROOT: &str = "bafkreigxvqjwduxgfekyol7ox6uegnv4nri7xc7twppmvisnqgetzcm7ue";
