//! Content of the store by digest: looked for, read and written piece by piece, so that no blob is ever whole in memory.
//! Digests of what is read are checked by who reads; those of what is written by containerd too.

use std::collections::HashMap;

use futures_util::stream;
use tokio::sync::mpsc;

use super::{AnswerKind, Containerd, ContainerdError, found, path, wire};

/// A blob that is being read.
#[derive(Debug)]
pub struct Reading {
    containerd: Containerd,
    pieces: tonic::Streaming<wire::ReadContentResponse>,
}

impl Reading {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ContainerdError> {
        let piece = self.containerd.in_time("Read", self.pieces.message()).await?;
        Ok(piece.map(|piece| piece.data))
    }
}

/// A blob that is being written. Dropped before [`Writing::commit`], nothing of it is content.
#[derive(Debug)]
pub struct Writing {
    containerd: Containerd,
    name: String,
    requests: mpsc::Sender<wire::WriteContentRequest>,
    answers: tonic::Streaming<wire::WriteContentResponse>,
    offset: u64,
}

impl Containerd {
    /// The size of a blob in bytes, if the store has it.
    pub async fn blob(&self, digest: &str) -> Result<Option<u64>, ContainerdError> {
        let request = wire::InfoRequest { digest: digest.to_owned() };
        let answer = self.unary::<_, wire::InfoResponse>("content", "Content", "Info", request).await;
        let info = found(answer)?.and_then(|answer| answer.info);
        Ok(info.map(|info| u64::try_from(info.size).unwrap_or_default()))
    }

    /// Begins to read a blob from its start; `None` if the store does not have it.
    pub async fn read(&self, digest: &str) -> Result<Option<Reading>, ContainerdError> {
        // Asked first: of a stream, containerd only says so with the first message.
        if self.blob(digest).await?.is_none() {
            return Ok(None);
        }
        let request = self.request(wire::ReadContentRequest { digest: digest.to_owned(), offset: 0, size: 0 });
        let mut grpc = self.grpc();
        let codec = tonic_prost::ProstCodec::<wire::ReadContentRequest, wire::ReadContentResponse>::default();
        let answer = async {
            grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
            grpc.server_streaming(request, path("content", "Content", "Read"), codec).await
        };
        let pieces = self.in_time("Read", answer).await?.into_inner();
        Ok(Some(Reading { containerd: self.clone(), pieces }))
    }

    /// Begins to write a blob of `size` bytes. `None` if the store has it already, which the lease then keeps too.
    pub async fn write(&self, digest: &str, size: u64) -> Result<Option<Writing>, ContainerdError> {
        if self.node.is_dry_run() {
            return Ok(None);
        }
        // One per run and blob: what an earlier run left is not gone on with, because who knows what it was.
        let lease = self.lease.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("kubephase");
        let name = format!("{lease}-{digest}");
        let first = wire::WriteContentRequest {
            action: wire::STAT,
            r#ref: name.clone(),
            total: i64::try_from(size).unwrap_or(i64::MAX),
            expected: digest.to_owned(),
            ..wire::WriteContentRequest::default()
        };
        let (requests, receiver) = mpsc::channel(1);
        // containerd opens its side of the stream with the first answer only.
        let _ = requests.try_send(first);
        let messages = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
        let mut grpc = self.grpc();
        let codec = tonic_prost::ProstCodec::<wire::WriteContentRequest, wire::WriteContentResponse>::default();
        let request = self.request(messages);
        let begun = async {
            grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
            let mut answers = grpc.streaming(request, path("content", "Content", "Write"), codec).await?.into_inner();
            let stat = answers.message().await?.ok_or_else(ended)?;
            Ok((answers, stat))
        };
        match self.in_time("Write", begun).await {
            Ok((answers, stat)) => {
                // More than 0 if another namespace of the store has the blob: then nothing need be sent.
                let offset = u64::try_from(stat.offset).unwrap_or_default();
                Ok(Some(Writing { containerd: self.clone(), name, requests, answers, offset }))
            }
            Err(error) if error.kind() == Some(AnswerKind::AlreadyExists) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds labels to a blob that the store has: by them containerd knows which other blobs it needs.
    pub async fn label(&self, digest: &str, labels: &HashMap<String, String>) -> Result<(), ContainerdError> {
        if labels.is_empty() || self.node.is_dry_run() {
            return Ok(());
        }
        let paths = labels.keys().map(|key| format!("labels.{key}")).collect();
        let info = wire::Info { digest: digest.to_owned(), labels: labels.clone(), ..wire::Info::default() };
        let request = wire::UpdateRequest { info: Some(info), update_mask: Some(wire::FieldMask { paths }) };
        let _: wire::InfoResponse = self.unary("content", "Content", "Update", request).await?;
        Ok(())
    }
}

impl Writing {
    /// How many bytes containerd has already.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Sends the next bytes and waits until containerd has them.
    pub async fn piece(&mut self, data: Vec<u8>) -> Result<(), ContainerdError> {
        let length = data.len() as u64;
        let offset = i64::try_from(self.offset).unwrap_or(i64::MAX);
        self.send(wire::WriteContentRequest {
            action: wire::WRITE,
            offset,
            data,
            ..wire::WriteContentRequest::default()
        })
        .await?;
        self.offset += length;
        Ok(())
    }

    /// Makes it content, with these labels, if it has the digest and the size that were promised. Ends it either way.
    pub async fn commit(
        mut self,
        digest: &str,
        size: u64,
        labels: HashMap<String, String>,
    ) -> Result<(), ContainerdError> {
        let request = wire::WriteContentRequest {
            action: wire::COMMIT,
            offset: i64::try_from(self.offset).unwrap_or(i64::MAX),
            total: i64::try_from(size).unwrap_or(i64::MAX),
            expected: digest.to_owned(),
            labels: labels.clone(),
            ..wire::WriteContentRequest::default()
        };
        match self.send(request).await {
            // Somebody else has written the same meanwhile.
            Err(error) if error.kind() == Some(AnswerKind::AlreadyExists) => {
                self.containerd.label(digest, &labels).await
            }
            Err(error) => {
                self.give_up().await;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Throws away what was written. What does not go now goes with the lease.
    pub async fn give_up(self) {
        let Self { containerd, name, requests, answers, .. } = self;
        // The open stream holds a lock on it.
        drop((requests, answers));
        let request = wire::AbortRequest { r#ref: name };
        let _ = containerd.unary::<_, wire::Empty>("content", "Content", "Abort", request).await;
    }

    async fn send(&mut self, request: wire::WriteContentRequest) -> Result<(), ContainerdError> {
        let Self { containerd, requests, answers, .. } = self;
        let answered = async {
            // A stream that has ended says why in its answer.
            let _ = requests.send(request).await;
            answers.message().await?.ok_or_else(ended)
        };
        containerd.in_time("Write", answered).await.map(drop)
    }
}

fn ended() -> tonic::Status {
    tonic::Status::aborted("it ended the stream")
}
