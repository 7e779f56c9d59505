"""Who is who: invitations, passwords, browsers that are signed in, tokens. Of every secret only a hash is kept."""

import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from preceptor.labeling.outcomes import Missing, Refused
from preceptor.store import Database
from preceptor.store.tables import Group, Invitation, Labeler, Origin, Role, SignIn, Standing, Token

DAY_S = 86_400
INVITATION_S = 14 * DAY_S
SIGN_IN_S = 30 * DAY_S
MIN_PASSWORD = 10
"""Characters."""
MAX_PASSWORD = 1000
"""Characters; without a limit, hashing could be made expensive from outside."""
MAX_NAME = 64

_hasher = PasswordHasher()


def invite(
    session: Session,
    *,
    role: Role,
    group: Group = "training",
    standing: Standing = "active",
    note: str = "",
    by: Labeler | None,
    now: float,
) -> str:
    """Make an invitation; its token, which is not kept."""
    token = secrets.token_urlsafe(24)
    session.add(
        Invitation(
            token_hash=_hash(token), role=role, group=group, standing=standing, note=note,
            created_by=by.id if by else None, created_at=now, expires_at=now + INVITATION_S,
        )
    )  # fmt: skip
    session.flush()
    return token


def first_invitation(session: Session, now: float) -> str | None:
    """A token that makes the first admin; None when there is an admin. Earlier ones end."""
    if session.scalar(select(func.count()).where(Labeler.role == "admin", Labeler.deleted_at.is_(None))):
        return None
    session.execute(
        delete(Invitation).where(
            Invitation.role == "admin", Invitation.created_by.is_(None), Invitation.used_by.is_(None)
        )
    )
    return invite(session, role="admin", by=None, now=now)


def invitation(session: Session, token: str, now: float) -> Invitation:
    """The invitation of a token.

    Raises:
        Missing: there is none, or it was used, or its time is over.
    """
    statement = select(Invitation).where(Invitation.token_hash == _hash(token)).with_for_update()
    found = session.scalar(statement)
    if found is None or found.used_by is not None or found.expires_at <= now:
        raise Missing
    return found


def join(database: Database, token: str, name: str, password: str, now: float) -> Labeler:
    """Make the account that an invitation is for.

    Raises:
        Missing: the invitation is no longer good.
        Refused: name or password will not do.
    """
    with database.read() as session:
        invitation(session, token, now)
    name, password_hash = _checked_name(name), hash_password(password)  # slow on purpose: outside of the transaction
    try:
        with database.write() as session:
            found = invitation(session, token, now)
            labeler = add_labeler(
                session, name, role=found.role, group=found.group, standing=found.standing,
                password_hash=password_hash, now=now,
            )  # fmt: skip
            found.used_by = labeler.id
            return labeler
    except IntegrityError:
        raise Refused("This name is taken.") from None


def add_labeler(
    session: Session,
    name: str,
    *,
    role: Role = "labeler",
    group: Group = "training",
    origin: Origin = "human",
    standing: Standing = "active",
    password_hash: str | None = None,
    now: float,
) -> Labeler:
    """Make an account without an invitation; without a password it can be used by token alone."""
    labeler = Labeler(
        name=name, role=role, group=group, origin=origin, standing=standing, password_hash=password_hash,
        profile={}, created_at=now,
    )  # fmt: skip
    session.add(labeler)
    session.flush()
    return labeler


def free_name(session: Session, name: str) -> str:
    """A name as it is kept.

    Raises:
        Refused: it will not do, or is taken.
    """
    name = _checked_name(name)
    if session.scalar(select(Labeler.id).where(Labeler.name == name)) is not None:
        raise Refused("This name is taken.")
    return name


def tidy(name: str) -> str:
    """A name as it is kept and looked for: without spaces around it, with one between its words."""
    return " ".join(name.split())


def hash_password(password: str) -> str:
    """What is kept of a password. Slow on purpose.

    Raises:
        Refused: it is too short or too long.
    """
    if len(password) < MIN_PASSWORD:
        raise Refused("The password needs at least {num} characters.", num=MIN_PASSWORD)
    if len(password) > MAX_PASSWORD:
        raise Refused("The password may have at most {num} characters.", num=MAX_PASSWORD)
    return _hasher.hash(password)


def sign_in(database: Database, name: str, password: str, now: float) -> str:
    """Check name and password; the token of a new sign-in.

    Raises:
        Refused: they do not fit; which of the two is not said.
    """
    with database.read() as session:
        labeler = session.scalar(select(Labeler).where(Labeler.name == tidy(name)))
    kept = labeler.password_hash if labeler and labeler.password_hash else _nobody()
    if not _fits(kept, password) or labeler is None or labeler.password_hash is None:
        raise Refused("Name and password do not fit.")
    with database.write() as session:
        return start_sign_in(session, labeler, now)


def start_sign_in(session: Session, labeler: Labeler, now: float) -> str:
    """The token of a new sign-in; those that are over are cleared away."""
    session.execute(delete(SignIn).where(SignIn.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(SignIn(token_hash=_hash(token), labeler_id=labeler.id, created_at=now, expires_at=now + SIGN_IN_S))
    session.flush()
    return token


def signed_in(session: Session, token: str, now: float) -> Labeler | None:
    """Who is signed in with a token."""
    statement = select(Labeler).join(SignIn).where(SignIn.token_hash == _hash(token), SignIn.expires_at > now)
    return session.scalar(statement.where(Labeler.deleted_at.is_(None)))


def sign_out(session: Session, token: str) -> None:
    """End one sign-in."""
    session.execute(delete(SignIn).where(SignIn.token_hash == _hash(token)))


def change_password(database: Database, labeler: Labeler, old: str, new: str) -> None:
    """Set another password; all sign-ins of the labeler end.

    Raises:
        Refused: the old one does not fit, or the new one will not do.
    """
    if not _fits(labeler.password_hash or _nobody(), old):
        raise Refused("The old password does not fit.")
    password_hash = hash_password(new)
    with database.write() as session:
        session.execute(update(Labeler).where(Labeler.id == labeler.id).values(password_hash=password_hash))
        session.execute(delete(SignIn).where(SignIn.labeler_id == labeler.id))


def new_token(session: Session, labeler: Labeler, name: str, now: float) -> str:
    """A personal token for the REST API; shown once, kept as a hash."""
    token = f"preceptor_{secrets.token_urlsafe(32)}"
    session.add(Token(labeler_id=labeler.id, name=name[:MAX_NAME], token_hash=_hash(token), created_at=now))
    session.flush()
    return token


def labeler_of_token(session: Session, token: str) -> Labeler | None:
    """Whose token it is."""
    statement = select(Labeler).join(Token).where(Token.token_hash == _hash(token), Token.revoked_at.is_(None))
    return session.scalar(statement.where(Labeler.deleted_at.is_(None)))


def tokens_of(session: Session, labeler: Labeler) -> list[Token]:
    """A labeler's tokens that are still good."""
    statement = select(Token).where(Token.labeler_id == labeler.id, Token.revoked_at.is_(None))
    return list(session.scalars(statement.order_by(Token.id)))


def revoke_token(session: Session, labeler: Labeler, token_id: int, now: float) -> None:
    """End a token of one's own.

    Raises:
        Missing: there is none.
    """
    token = session.scalar(select(Token).where(Token.id == token_id, Token.labeler_id == labeler.id))
    if token is None:
        raise Missing
    token.revoked_at = token.revoked_at or now


def forget(session: Session, labeler_id: int, now: float) -> None:
    """Take away name, password, profile, sign-ins and tokens of a labeler; the work stays, under no name.

    Raises:
        Missing: there is no such labeler.
        Refused: it is the last admin.
    """
    labeler = session.get(Labeler, labeler_id, with_for_update=True)
    if labeler is None or labeler.deleted_at is not None:
        raise Missing
    others = select(func.count()).where(Labeler.role == "admin", Labeler.deleted_at.is_(None), Labeler.id != labeler_id)
    if labeler.role == "admin" and not session.scalar(others):
        raise Refused("This is the last admin; make another one first.")
    for table in (SignIn, Token):
        session.execute(delete(table).where(table.labeler_id == labeler_id))
    session.execute(update(Invitation).where(Invitation.used_by == labeler_id).values(note=""))
    labeler.name, labeler.password_hash, labeler.profile, labeler.deleted_at = None, None, {}, now


def _hash(token: str) -> str:
    # Tokens are long and random, so a fast hash is enough; passwords are neither.
    return hashlib.sha256(token.encode()).hexdigest()


@cache
def _nobody() -> str:
    """A hash to check when there is no such name, so that the time it takes does not tell."""
    return _hasher.hash(secrets.token_urlsafe())


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password[:MAX_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


def _checked_name(name: str) -> str:
    name = tidy(name)
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Refused("Choose a name of at most {num} characters.", num=MAX_NAME)
    return name
