//! Matching with stars, of letters in a part and of parts in a path. No recursion and no exponential cost: only the last
//! star is ever taken back.

/// Whether `text` is what `pattern` says, where a star stands for any number of items.
pub(super) fn matches<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    is_same: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how far it reached.
    let mut last: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(item) if is_star(item) => {
                last = Some((p, t));
                p += 1;
            }
            Some(item) if is_same(item, &text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match &mut last {
                Some((star, reach)) => {
                    *reach += 1;
                    p = *star + 1;
                    t = *reach;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(is_star)
}

/// One part of a path against one part of a pattern, in which `*` stands for any letters.
pub(super) fn part(pattern: &str, text: &str) -> bool {
    matches(pattern.as_bytes(), text.as_bytes(), |p| *p == b'*', |p, t| p == t)
}

/// Whether a part stands for nothing that `wide` does not stand for. A star of it is something that only a star covers.
pub(super) fn covers_part(wide: &str, part: &str) -> bool {
    matches(wide.as_bytes(), part.as_bytes(), |p| *p == b'*', |p, t| p == t)
}
