"""Accounts: invitations, passwords, sign-ins, tokens, deletion; on both backends."""

import threading
import time
from contextlib import suppress

import pytest
from sqlalchemy import func, select, text, update

from preceptor.labeling import accounts, answers, assignment
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.store import Database
from preceptor.store.tables import Answer, Comment, Invitation, Labeler, SignIn, Token
from tests.labeling.people import PASSWORD, add_people, add_ranking_stage, ranked

NOW = time.time()


def invited(store: Database, **traits: object) -> str:
    with store.write() as session:
        return accounts.invite(session, **({"role": "labeler", "by": None, "now": NOW} | traits))  # type: ignore[arg-type]


def test_the_first_link_makes_the_admin_once(store: Database) -> None:
    with store.write() as session:
        token = accounts.first_invitation(session, NOW)
    assert token is not None
    admin = accounts.join(store, token, " Ada  Lovelace ", PASSWORD, NOW)
    assert (admin.role, admin.name, admin.standing) == ("admin", "Ada Lovelace", "active")
    with pytest.raises(Missing):
        accounts.join(store, token, "Eve", PASSWORD, NOW)
    with store.write() as session:
        assert accounts.first_invitation(session, NOW) is None


def test_a_new_start_ends_the_first_link_of_the_start_before(store: Database) -> None:
    with store.write() as session:
        earlier = accounts.first_invitation(session, NOW)
        later = accounts.first_invitation(session, NOW)
    assert earlier is not None
    assert later is not None
    with pytest.raises(Missing):
        accounts.join(store, earlier, "Eve", PASSWORD, NOW)
    assert accounts.join(store, later, "Ada", PASSWORD, NOW).role == "admin"


def test_an_invitation_says_what_the_account_will_be(store: Database) -> None:
    token = invited(store, role="labeler", group="held_out", standing="candidate")
    made = accounts.join(store, token, "hana", PASSWORD, NOW)
    assert (made.role, made.group, made.standing, made.origin) == ("labeler", "held_out", "candidate", "human")


def test_an_invitation_ends(store: Database) -> None:
    token = invited(store)
    with pytest.raises(Missing):
        accounts.join(store, token, "late", PASSWORD, NOW + accounts.INVITATION_S)


def test_an_invitation_is_good_for_one_even_at_once(store: Database) -> None:
    token = invited(store)
    made: list[str] = []

    def join(name: str) -> None:
        with suppress(Missing):
            made.append(str(accounts.join(store, token, name, PASSWORD, NOW).name))

    threads = [threading.Thread(target=join, args=(f"one of {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [
        ("", PASSWORD, "Choose a name"), ("  ", PASSWORD, "Choose a name"), ("x" * 65, PASSWORD, "Choose a name"),
        ("a\u202eb", PASSWORD, "Choose a name"), ("eve", "short", "at least 10"), ("eve", "x" * 1001, "at most 1000"),
        ("anna", PASSWORD, "taken"),
    ],
)  # fmt: skip
def test_names_and_passwords_that_will_not_do(store: Database, name: str, password: str, problem: str) -> None:
    add_people(store)
    token = invited(store)
    with pytest.raises(Refused, match=problem):
        accounts.join(store, token, name, password, NOW)
    assert accounts.join(store, token, "eve", PASSWORD, NOW).name == "eve", "the invitation is still good"


def test_who_signs_in_is_known_until_it_ends(store: Database) -> None:
    add_people(store)
    token = accounts.sign_in(store, " anna ", PASSWORD, NOW)
    with store.read() as session:
        found = accounts.signed_in(session, token, NOW)
        assert found is not None
        assert found.name == "anna"
        assert accounts.signed_in(session, token, NOW + accounts.SIGN_IN_S) is None
        assert accounts.signed_in(session, "another", NOW) is None
    with store.write() as session:
        accounts.sign_out(session, token)
        assert accounts.signed_in(session, token, NOW) is None


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "")])
def test_who_does_not_know_the_password_stays_out(store: Database, name: str, password: str) -> None:
    add_people(store)
    with pytest.raises(Refused, match="do not fit"):
        accounts.sign_in(store, name, password, NOW)


def test_an_account_without_a_password_cannot_be_signed_in_to(store: Database) -> None:
    with store.write() as session:
        accounts.add_labeler(session, "robot", origin="simulated", now=NOW)
    for password in ("", "None", PASSWORD):
        with pytest.raises(Refused):
            accounts.sign_in(store, "robot", password, NOW)


def test_another_password_ends_all_sign_ins(store: Database) -> None:
    anna = add_people(store)["anna"]
    token = accounts.sign_in(store, "anna", PASSWORD, NOW)
    with pytest.raises(Refused, match="old password"):
        accounts.change_password(store, anna, "wrong", "another good one")
    with pytest.raises(Refused, match="at least"):
        accounts.change_password(store, anna, PASSWORD, "short")
    accounts.change_password(store, anna, PASSWORD, "another good one")
    with store.read() as session:
        assert accounts.signed_in(session, token, NOW) is None
    with pytest.raises(Refused):
        accounts.sign_in(store, "anna", PASSWORD, NOW)
    assert accounts.sign_in(store, "anna", "another good one", NOW)


def test_tokens_are_good_until_revoked_and_only_for_their_owner(store: Database) -> None:
    people = add_people(store)
    with store.write() as session:
        token = accounts.new_token(session, people["anna"], "script", NOW)
        kept = accounts.tokens_of(session, people["anna"])
        found = accounts.labeler_of_token(session, token)
        assert found is not None
        assert found.id == people["anna"].id
        with pytest.raises(Missing):
            accounts.revoke_token(session, people["bert"], kept[0].id, NOW)
        accounts.revoke_token(session, people["anna"], kept[0].id, NOW)
        assert accounts.labeler_of_token(session, token) is None


def test_no_secret_is_in_the_store(store: Database) -> None:
    people = add_people(store)
    with store.write() as session:
        secrets = [accounts.new_token(session, people["anna"], "script", NOW)]
        secrets.append(accounts.start_sign_in(session, people["anna"], NOW))
        secrets.append(accounts.invite(session, role="labeler", by=None, now=NOW))
        session.flush()
        kept = ""
        for table in ("labelers", "invitations", "sign_ins", "tokens"):
            kept += str(session.execute(text(f"SELECT * FROM {table}")).all())
    assert "anna" in kept
    assert not [secret for secret in [*secrets, PASSWORD] if secret in kept]


def test_deleting_takes_the_identity_and_keeps_the_work(store: Database) -> None:
    people = add_people(store)
    stage = add_ranking_stage(store, 1)
    with store.write() as session:
        accounts.new_token(session, people["anna"], "script", NOW)
        accounts.start_sign_in(session, people["anna"], NOW)
        accounts.invite(session, role="labeler", by=people["ada"], note="Anna Doe, anna@example.org", now=NOW)
        session.execute(update(Invitation).values(used_by=people["anna"].id))
        claim = assignment.claim_next(session, people["anna"], stage.id, now=NOW)
        assert claim is not None
        answers.submit(session, people["anna"], claim.item_id, ranked("ABCD"), guideline_id=None, active_s=1.0, now=NOW)
        answers.comment(session, people["anna"], claim.item_id, "a question", now=NOW)
    with store.write() as session:
        accounts.forget(session, people["anna"].id, NOW)
    with store.read() as session:
        labeler = session.get_one(Labeler, people["anna"].id)
        assert (labeler.name, labeler.password_hash, labeler.profile) == (None, None, {})
        assert labeler.group == "training"
        assert session.scalars(select(Invitation.note)).all() == [""]
        for table, left in ((SignIn, 0), (Token, 0), (Answer, 1), (Comment, 1)):
            assert session.scalar(select(func.count()).select_from(table)) == left
    with pytest.raises(Refused):
        accounts.sign_in(store, "anna", PASSWORD, NOW)
    with pytest.raises(Missing), store.write() as session:
        accounts.forget(session, people["anna"].id, NOW)


def test_the_last_admin_stays(store: Database) -> None:
    people = add_people(store)
    with pytest.raises(Refused, match="last admin"), store.write() as session:
        accounts.forget(session, people["ada"].id, NOW)
    with store.write() as session:
        accounts.add_labeler(session, "second", role="admin", now=NOW)
    with store.write() as session:
        accounts.forget(session, people["ada"].id, NOW)
