//! Waiting for an HTTP endpoint to say that all is well, with a deadline.

use std::time::{Duration, Instant};

use kubephase_node::http::Client;

/// kubeadm asks every 500 ms; asking more often costs little on the local machine and saves some of the wait.
const INTERVAL: Duration = Duration::from_millis(50);
/// One answer must come within this.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks `url` until it answers 200. Returns how long it took, or the last thing heard.
pub async fn until_ok(client: &Client, url: &str, deadline: Duration) -> Result<Duration, String> {
    let begun = Instant::now();
    loop {
        let left = deadline.saturating_sub(begun.elapsed());
        let timeout = ANSWER.min(left.max(Duration::from_millis(100)));
        let heard = match client.get(url, timeout).await {
            Ok(answer) if answer.status == 200 => return Ok(begun.elapsed()),
            Ok(answer) => format!("{url} answered {}: {}", answer.status, first_line(&answer.text())),
            Err(error) => format!("{url}: {}", error.reason()),
        };
        if begun.elapsed() + INTERVAL >= deadline {
            return Err(heard);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Health endpoints list what is wrong in lines that begin with `[-]`: those say more than the first line.
fn first_line(body: &str) -> String {
    let failing: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("[-]")).collect();
    let text = if failing.is_empty() { body.lines().next().unwrap_or_default().to_owned() } else { failing.join(", ") };
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_health_checks_are_named() {
        assert_eq!(
            first_line("[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed"),
            "etcd failed: reason withheld"
        );
        assert_eq!(first_line("unhealthy\nmore"), "unhealthy");
    }
}
