"""What `serve` can be told, as one value that worker processes are given, too."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reelrecs import config
from reelrecs.experiments.plan import read_plan
from reelrecs.experiments.trial import Trial
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.security import Certificates, Security
from reelrecs.scorer.tokens import Tokens
from reelrecs.serving.live_engine import LiveEngine


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where data and model are, where and how to serve them; nothing secret is in it."""

    data_dir: str | None = None
    models_dir: str = config.MODELS_DIR
    profile: str | None = None
    threads: int | None = None
    address: str = config.SERVE_ADDRESS
    limits: Limits = field(default_factory=Limits)
    certificates: Certificates | None = None
    token_file: Path | None = None
    socket_mode: int = config.SOCKET_MODE
    reflection: bool = True
    request_log: bool = True
    metrics_port: int | None = None
    metrics_host: str = config.METRICS_HOST
    drain_notice: float = config.DRAINING_NOTICE
    drain_grace: float = config.DRAINING_GRACE
    reload_seconds: float = config.RELOAD_SECONDS
    cache: int = 0  # finished lists that each process keeps
    experiments: Path | None = None  # the file that plans one

    def live(self) -> LiveEngine:
        """The engine to serve; raises as `Engine.open` does."""
        return LiveEngine(
            self.data_dir, self.models_dir, self.profile, self.reload_seconds, self.cache
        )

    def trial(self) -> Trial | None:
        """The experiment, with an engine for each arm; raises as `Engine.open` does."""
        if self.experiments is None:
            return None
        plan = read_plan(self.experiments)
        return Trial(plan, self.data_dir, self.models_dir, self.profile, self.cache)

    def security(self, token: str | None) -> Security:
        """How the server is guarded; raises InvalidRequest for files that cannot be used."""
        return Security(
            self.certificates, Tokens(self.token_file, token), self.socket_mode, self.reflection
        )
