"""A typed program that asks for everything once: checked in pyright's strict mode, and run."""

from pathlib import Path

import reelrecs
from reelrecs import Constraints, Engine, History


def titles(engine: Engine, user: int) -> list[str]:
    """Of the user's list."""
    wanted = Constraints(genres=["Comedy"], year_from=1990, min_rating=3.5)
    return [item.movie.title for item in engine.recommend(user, 5, constraints=wanted)]


def main(folder: Path) -> None:
    """Ask for everything once."""
    with reelrecs.open(models_dir=folder) as engine:
        print(titles(engine, 15))
        stranger = engine.recommend_for(History([1, 2], [5.0, 4.0]), explain=True)
        best = stranger[0].explanation
        print(stranger.to_dict(), "" if best is None else best.contributions)
        many = engine.recommend_many([1, 15], 3, as_of=1_100_000_000)
        for one in many:
            print(one.user_id, len(one), [item.score for item in one])
        print(many[15].note, many.to_polars(), many.to_pandas(), many.to_arrow())
        for scored in engine.score(15, [1, 2]):
            print(scored.movie.title, scored.score, scored.terms)
        case = engine.why_not(15, 1, constraints=Constraints(deny=[1]))
        print(case.answer, case.rank)
        print(engine.similar(1).to_dict(), engine.user(15).top_genres, engine.search("heat"))
        try:
            engine.recommend(10**9)
        except reelrecs.ReelRecsError as error:
            print(error, reelrecs.__version__)


if __name__ == "__main__":
    main(Path("models"))
