# SPDX-License-Identifier: MIT
"""The way to an MLflow server, database or folder, and to an experiment in it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from callbacks_core import FatalCallbackError, as_path, did_you_mean, probe
from callbacks_core.secrets import redacted

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PATIENCE: Final = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""For servers: by default MLflow waits for minutes, for each request."""

_SCHEMES: Final = (
    *("http", "https", "file", "sqlite", "postgresql", "mysql", "mssql"),
    *("databricks", "databricks-uc", "uc"),
)


class TrackingError(FatalCallbackError, ValueError):
    """A tracking URI with which this MLflow can do nothing."""


class Tracking:
    """Where runs are kept.

    A user and password in the URI of a server are taken out of it and handed over by MLflow's
    own environment variables, so that no message can show them.

    Args:
        uri: The URI of a server or database, the path of a folder, or None for MLflow's default.
        unsent: The folder for what a server did not take; by default ``mlflow-unsent``, beside
            the file of a database or else in the working directory.

    Raises:
        ImportError: MLflow is not installed.
        TypeError: *uri* is neither a str nor a path.
        TrackingError: It is a folder, and the installed MLflow refuses folders; or it begins with
            what neither MLflow nor a plugin of it knows.

    Attributes:
        uri: What may be shown of the URI.
    """

    def __init__(
        self, uri: str | os.PathLike[str] | None, unsent: str | os.PathLike[str] | None = None
    ) -> None:
        if uri is not None and not isinstance(uri, str | os.PathLike):
            raise TypeError(f"`tracking_uri` must be a str or a path, not {uri!r}")
        if find_spec("mlflow") is None:
            raise ImportError('MLFlowLogger needs MLflow: pip install "callbacks-logging[mlflow]"')
        self._unsent = None if unsent is None else as_path("unsent", unsent).absolute()
        self._uri = None if uri is None else _without_user(os.fspath(uri))
        self.uri = None if self._uri is None else redacted(self._uri)
        if self._uri is not None and "://" in self._uri:
            _check_scheme(self._uri)
        if self._uri is not None and _folder(self._uri) is not None:
            self.client()

    @classmethod
    def trusted(cls, uri: str) -> Tracking:
        """Return the way to a URI that was resolved already."""
        tracking = cls(None)
        tracking._uri = uri
        return tracking

    def server(self) -> str | None:
        """Return the URI if it is that of a server."""
        uri = self.resolved()
        return uri if urlsplit(uri).scheme in ("http", "https") else None

    @property
    def is_common(self) -> bool:
        """Whether it is a server or a database in a file, which every MLflow takes."""
        return self.server() is not None or _database(self.resolved()) is not None

    def probe(self) -> None:
        """Find out whether the file of a database can be written.

        Raises:
            HopelessPathError: It never can.
        """
        database = _database(self.resolved())
        if database is not None:
            probe(database)

    def client(self) -> MlflowClient:
        """Return a client; a server is not asked anything yet.

        Raises:
            TrackingError: MLflow refuses the URI.
        """
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        uri = self.resolved()
        if urlsplit(uri).scheme in ("http", "https"):
            for name, value in _PATIENCE.items():
                os.environ.setdefault(name, value)
        try:
            return MlflowClient(uri)
        except (MlflowException, ImportError) as error:
            raise TrackingError(_refusal(uri, error)) from None

    def artifact_location(self, experiment: str) -> str | None:
        """Return where the artifacts of a new experiment go; None leaves it to the server.

        Those of a database in a file go beside that file, not into the working directory.
        """
        database = _database(self.resolved())
        if database is None:
            return None
        return (database.absolute().parent / "mlartifacts" / quote(experiment, safe=" ")).as_uri()

    def unsent(self) -> Path:
        """Return the folder for what a server did not take."""
        if self._unsent is not None:
            return self._unsent
        database = _database(self.resolved())
        return (Path() if database is None else database.parent).absolute() / "mlflow-unsent"

    def resolved(self) -> str:
        """Return the URI that is used, without a server's user and password."""
        if self._uri is not None:
            return self._uri
        given = os.environ.get("MLFLOW_TRACKING_URI")
        if given and "mlflow" not in sys.modules:  # where a program may have set another one
            return _without_user(given)
        from mlflow import get_tracking_uri

        return _without_user(get_tracking_uri())


def _without_user(uri: str) -> str:
    """Return the URI of a server without user and password, which MLflow finds elsewhere."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return uri
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(name)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
    return urlunsplit(parts._replace(netloc=host))


def _check_scheme(uri: str) -> None:
    from importlib.metadata import entry_points

    scheme = uri.partition("://")[0].partition("+")[0].lower()
    known = {*_SCHEMES, *entry_points(group="mlflow.tracking_store").names}
    if scheme not in known:
        raise TrackingError(
            f"`tracking_uri` begins with {scheme + '://'!r}, which is none of "
            f"{', '.join(sorted(known))}{did_you_mean(scheme, known)}"
        )


def _database(uri: str) -> Path | None:
    """Return the file of an SQLite database."""
    prefix, _, path = uri.partition(":///")
    path = path.partition("?")[0]
    return Path(path) if prefix.startswith("sqlite") and path not in ("", ":memory:") else None


def _folder(uri: str) -> Path | None:
    """Return the folder that *uri* stands for, if it does."""
    if uri.startswith("file:"):
        return Path(unquote(urlsplit(uri).path))
    return None if "://" in uri or uri in ("databricks", "uc") else Path(uri)


def _refusal(uri: str, error: Exception) -> str:
    from mlflow.version import VERSION

    folder = _folder(uri)
    if folder is not None:
        database = (folder / "mlflow.db").absolute().as_posix()
        return (
            f"MLflow {VERSION} keeps no runs in a folder such as {str(folder)!r}: use "
            f"tracking_uri={'sqlite:///' + database!r}, or set the environment variable "
            f"MLFLOW_ALLOW_FILE_STORE=true to have it do so all the same"
        )
    return f"MLflow {VERSION} cannot use {redacted(uri)!r}: {redacted(str(error))}"


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep MLflow from printing the addresses of its pages."""
    name = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
    before = os.environ.get(name)
    os.environ[name] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
