//! Every decision, without an etcd.

use super::*;

fn seat(id: u64, name: &str, url: &str, health: Option<()>) -> Seat {
    Seat {
        member: Member {
            id: MemberId(id),
            name: name.into(),
            peer_urls: vec![url.into()],
            client_urls: vec![format!("client of {url}")],
            is_learner: false,
        },
        health: match health {
            Some(()) => Health::Healthy(Status { leader: Some(MemberId(1)), ..Status::default() }),
            None => Health::Sick("nothing listens there".into()),
        },
    }
}

const WELL: Option<()> = Some(());
const ILL: Option<()> = None;

fn learner(seat: Seat) -> Seat {
    Seat { member: Member { is_learner: true, ..seat.member }, ..seat }
}

fn council(seats: Vec<Seat>) -> Council {
    Council { seats }
}

/// In a word, with whom it is about.
fn step(seats: Vec<Seat>, has_data: bool) -> String {
    let never = || panic!("it is asked before");
    let me = Newcomer { name: "cp-3", peer_url: "u3", client_url: "c3", has_data: &never };
    match council(seats).step(&me, has_data) {
        Step::Add => "add".into(),
        Step::Keep(member) => format!("keep {}", member.id),
        Step::Replace(member, _) => format!("replace {}", member.id),
        Step::Refuse(MembersError::Taken { taken, .. }) => format!("refuse: {taken}"),
        Step::Refuse(other) => format!("{other:?}"),
    }
}

#[test]
fn who_wants_to_be_a_member_takes_the_right_step() {
    let (clean, with_data) = (false, true);
    let first = || seat(1, "cp-1", "u1", WELL);
    for (what, found, has_data, expected) in [
        ("nobody like us", seat(2, "cp-2", "u2", WELL), clean, "add"),
        ("nobody like us, old data", seat(2, "cp-2", "u2", WELL), with_data, "add"),
        ("us, running", seat(3, "cp-3", "u3", WELL), with_data, "keep 3"),
        ("us, stopped", seat(3, "cp-3", "u3", ILL), with_data, "keep 3"),
        ("us before the disk was wiped", seat(3, "cp-3", "u3", ILL), clean, "replace 3"),
        ("us, without data here, and it answers", seat(3, "cp-3", "u3", WELL), clean, "refuse: cp-3 (u3)"),
        ("us, announced", learner(seat(3, "", "u3", ILL)), clean, "keep 3"),
        ("us, announced, and data of before", learner(seat(3, "", "u3", ILL)), with_data, "replace 3"),
        ("another name at our address, dead", seat(3, "old", "u3", ILL), clean, "replace 3"),
        ("another name at our address, dead, old data", seat(3, "old", "u3", ILL), with_data, "replace 3"),
        ("another name at our address, alive", seat(3, "old", "u3", WELL), with_data, "refuse: old (u3)"),
        ("our name elsewhere, dead", seat(3, "cp-3", "u9", ILL), clean, "replace 3"),
        ("our name elsewhere, alive", seat(3, "cp-3", "u9", WELL), with_data, "refuse: cp-3 (u9)"),
    ] {
        assert_eq!(step(vec![first(), found], has_data), expected, "{what}");
    }
    // Announced at the new address, and the one at the old address is still there.
    let both = vec![first(), seat(4, "cp-3", "u9", ILL), learner(seat(3, "", "u3", ILL))];
    assert_eq!(step(both, clean), "replace 4");
}

#[test]
fn who_goes_leaves_a_quorum_behind() {
    // Health of the members, which one goes, and what comes of it: healthy of voters, or that it may.
    for (health, goes, expected) in [
        (vec![WELL, WELL, WELL], 0, "ok"),
        (vec![WELL, WELL, ILL], 2, "ok"),
        (vec![WELL, WELL, ILL], 0, "lost: 1 of 2, 2 needed"),
        (vec![WELL, ILL, ILL], 1, "none: 1 of 3, 2 needed"),
        (vec![WELL, WELL], 1, "ok"),
        (vec![WELL, ILL], 1, "none: 1 of 2, 2 needed"),
        (vec![WELL, WELL, WELL, ILL, ILL], 0, "lost: 2 of 4, 3 needed"),
        (vec![WELL, WELL, WELL, ILL, ILL], 4, "ok"),
        (vec![WELL, WELL, WELL, WELL], 3, "ok"),
        (vec![WELL, WELL, WELL, ILL], 0, "ok"),
    ] {
        let seats = health.iter().zip(1..).map(|(health, id)| seat(id, &format!("cp-{id}"), "u", *health)).collect();
        let council = council(seats);
        let verdict = match council.may_remove(&council.seats[goes].member) {
            Ok(()) => "ok".to_owned(),
            Err(MembersError::NoQuorum { healthy, voters, quorum, sick, .. }) => {
                assert_eq!(sick.len(), voters - healthy);
                format!("none: {healthy} of {voters}, {quorum} needed")
            }
            Err(MembersError::WouldLoseQuorum { healthy, voters, quorum, .. }) => {
                format!("lost: {healthy} of {voters}, {quorum} needed")
            }
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(verdict, expected, "{health:?} without {goes}");
    }
}

#[test]
fn a_learner_is_not_missed_and_does_not_count() {
    let seats = vec![seat(1, "cp-1", "u1", WELL), learner(seat(2, "cp-2", "u2", ILL))];
    let council = council(seats);
    council.require_quorum("join it").expect("the one voter is well");
    council.may_remove(&council.seats[1].member).expect("it has no vote");
    assert!(council.sick().is_empty());
}

#[test]
fn the_ill_are_named_with_their_complaint() {
    let council = council(vec![seat(1, "cp-1", "u1", WELL), seat(2, "cp-2", "u2", ILL)]);
    assert_eq!(
        council.require_quorum("join it").expect_err("one of two").to_string(),
        "cannot join it: 1 of 2 members of etcd are healthy, and 2 are needed: cp-2 (u2): nothing listens there"
    );
    assert_eq!(council.leader().map(|seat| seat.member.name.as_str()), Some("cp-1"));
}

#[test]
fn an_alarm_is_said_before_anything_is_tried() {
    let mut well = seat(1, "cp-1", "u1", WELL);
    let status = Status { errors: vec!["memberID:1 alarm:NOSPACE ".into()], ..Status::default() };
    well.health = Health::Healthy(status);
    let error = council(vec![well]).require_space().expect_err("it is full");
    assert!(error.to_string().contains("NOSPACE") && error.hint().expect("advice").contains("defrag"), "{error}");
}
