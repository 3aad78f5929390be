//! One connection that is kept, and the least that it takes to call over it: on the machine that is
//! measured a whole HTTP client would take more of the processor than the server does.

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    key: String,
    buffer: Vec<u8>,
}

impl Connection {
    /// `base` is a server's address, such as `http://127.0.0.1:8420`.
    pub(crate) async fn open(base: &str, key: &str) -> anyhow::Result<Connection> {
        let host = base.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            host,
            key: key.to_owned(),
            buffer: Vec::new(),
        })
    }

    /// Posts JSON and returns the body of the answer, which must be a 200.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<&[u8]> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            self.key,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let (start, end) = loop {
            let n_read = self.stream.read_buf(&mut self.buffer).await?;
            anyhow::ensure!(n_read > 0, "the server hung up");
            if let Some(body) = find_body(&self.buffer)?
                && self.buffer.len() >= body.1
            {
                break body;
            }
        };
        Ok(&self.buffer[start..end])
    }
}

/// Where the body begins and ends; None while the head is not whole.
fn find_body(answer: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(at) = answer.windows(END.len()).position(|four| four == END) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answer[..at]).context("reading an answer's head")?;
    anyhow::ensure!(
        head.starts_with("HTTP/1.1 200 "),
        "the server answered \"{head}\""
    );
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>())
    });
    let length = length.context("the answer has no length")??;
    let start = at + END.len();
    Ok(Some((start, start + length)))
}
