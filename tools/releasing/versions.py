# SPDX-License-Identifier: MIT
"""Which version may come next."""

from packaging.version import InvalidVersion, Version

from releasing.api import Change
from releasing.tags import last_before, releases
from workspace import Member

LEVELS = ("patch", "minor", "major")


def parsed(text: str) -> Version:
    """Return the version that *text* spells as we do: three numbers, perhaps `a1`, `b1` or `rc1`.

    Raises:
        ValueError: It is not PEP 440, or it is spelled in another way.
    """
    expected = f"{text!r} is not a version like 1.1.0 or 1.1.0rc1"
    try:
        version = Version(text)
    except InvalidVersion as error:
        raise ValueError(f"{expected}: PEP 440 does not know it") from error
    if version.local or version.is_postrelease or version.is_devrelease or version.epoch:
        raise ValueError(f"{expected}: it has more parts than those")
    if len(version.release) != 3:
        raise ValueError(f"{expected}: it has not three numbers")
    if str(version) != text:
        raise ValueError(f"{expected}: that is written {version}")
    return version


def parsed_next(member: Member, text: str, released: list[Version]) -> Version:
    """Return the version *text*, which must be newer than all that was and that the sources say.

    What the sources say may be released as it stands if it never was.

    Raises:
        ValueError: It is no version, or it is not newer.
    """
    version, current = parsed(text), Version(member.version)
    if released and version <= released[-1]:
        raise ValueError(
            f"{member.name}: {text} is not newer than {released[-1]}, the last release"
        )
    if version < current:
        raise ValueError(f"{member.name}: {text} is not newer than {current} of the sources")
    return version


def bumped(version: Version, level: str) -> Version:
    """Return the version that follows *version* on one of the LEVELS; after `1.1.0rc1`, 1.1.0."""
    major, minor, micro = version.release
    if version.is_prerelease:
        return Version(version.base_version)
    if level == "major":
        return Version(f"{major + 1}.0.0")
    if level == "minor":
        return Version(f"{major}.{minor + 1}.0")
    return Version(f"{major}.{minor}.{micro + 1}")


def step(old: Version, new: Version) -> str:
    """Return on which of the LEVELS *new* differs from *old*."""
    if old.major != new.major:
        return "major"
    return "minor" if old.minor != new.minor else "patch"


def needed(changes: list[Change]) -> str:
    """Return the least of the LEVELS that the *changes* to a public interface need."""
    if any(change.breaks for change in changes):
        return "major"
    return "minor" if changes else "patch"


def too_small(name: str, old: Version, new: Version, changes: list[Change]) -> str | None:
    """Return why *new* promises less than the *changes* since *old* are, if it does."""
    level = needed(changes)
    if LEVELS.index(step(old, new)) >= LEVELS.index(level):
        return None
    kind = "break" if level == "major" else "add to"
    return (
        f"{name}: changes since {old} {kind} what is public, which needs a {level} version, "
        f"{bumped(old, level)} or newer, not {new}"
    )


def least(member: Member, changes: list[Change]) -> Version:
    """Return the least version that *member* can be released as, with the *changes* since."""
    current = Version(member.version)
    released = releases(member.name)
    if current not in released:
        return current
    last = last_before(member.name, current) if current.is_prerelease else current
    return bumped(last or current, needed(changes))
