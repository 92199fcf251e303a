"""What the organization runs, and for about how many dollars a day."""

from typing import NamedTuple

# Service account; its project
SERVICE_ACCOUNTS = {
    "storefront-prod": "storefront",
    "helpdesk-bot": "support",
    "search-indexer": "search",
    "studio-render": "studio",
}
AGENTS_KEY = "key_europe-agents"

# key; project; owner; state; mixes, each with its dollars per weekday and, after @, the percentage
# of days on which it runs. Rows without a key are the playground (with an owner) and storage
# (without one). The number after a state is an age in days. The owner of an `inactive` key has lost
# access to the project.
_WORKLOADS = """
    storefront-chat;        storefront; storefront-prod; ;  frontier 210, small 26, web 9
    storefront-priority;    storefront; storefront-prod; ;  priority 34
    storefront-suggest;     storefront; storefront-prod; ;  small 38, embedding 2
    storefront-voice;       storefront; bruno;   ;          speech 7, voice 3
    storefront-dev-bruno;   storefront; bruno;   ;          frontier 16, terra 9, web 2 @60
    storefront-dev-chiara;  storefront; chiara;  ;          frontier 14, codex 12, interpreter 1 @60
    storefront-canary;      storefront; noah;    deleted 12; frontier 11, small 3
    ;                       storefront; amara;   ;          latest 4 @55, astra 2 @35
    helpdesk-triage-2025;   support; helpdesk-bot; deleted 25; frontier 96, small 22, filesearch 3
    helpdesk-triage;        support; helpdesk-bot; since 25;   frontier 96, small 22, filesearch 3
    helpdesk-summaries;     support; helpdesk-bot; ;        mini 15, terra 30
    helpdesk-replies;       support; dmitri;  ;             latest 26
    helpdesk-macros;        support; elif;    ;             small 12, web 3 @50
    helpdesk-transcripts;   support; farid;   ;             speech 5 @80, voice 2 @60
    helpdesk-pilot;         support; olga;    deleted 50;   frontier 22, four 3
    helpdesk-audit;         support; kavya;   inactive;
    ;                       support; elif;    ;             small 1 @60
    ;                       support; ;        ;             storage 2
    search-embeddings;      search; search-indexer; ;             embedding 24
    search-reranker;        search; search-indexer; ;             small 58, mini 9
    search-nightly;         search; search-indexer; ;             batch 12
    search-relevance;       search; greta;    ;             evals 2 @70, frontier 18
    search-complimentary;   search; hugo;     ;             free 4
    search-codex-ci;        search; greta;    ;             codex 34
    search-notebooks;       search; ines;     deleted 40;   frontier 9, four 2
    ;                       search; hugo;     ;             latest 3 @50, astra 1 @30
    studio-render;          studio; studio-render; ;        images 92
    studio-catalogue;       studio; studio-render; ;        images 31, small 6
    studio-retouch;         studio; jonas;    ;             retouch 9 @70
    studio-captions;        studio; jonas;    ;             mini 8, four 2 @50, dalle 1 @40
    ;                       studio; mei;      ;             retouch 2 @40
    europe-chat;            europe; kavya;    ;             frontier 64, small 10, web 3 @70
    europe-agents;          europe; liam;     ;             terra 22, runtime 1 @45
    europe-tuned;           europe; liam;     ;             tuned 3 @60
    europe-dev;             europe; mei;      ;             frontier 13, codex 7
    prototype-web;          prototype; bruno; archived 60;  four 21, mini 8, storage 1
    prototype-bot;          prototype; olga;  archived 60;  four 9, frontier 6
"""


class Workload(NamedTuple):
    """What one key runs, or what one person runs in a project without a key.

    `mixes`: the mix's name, dollars per weekday, and the share of days on which it runs.
    """

    key: str
    project: str
    owner: str
    state: str
    age: int
    mixes: list[tuple[str, float, float]]

    @property
    def automatic(self) -> bool:
        """Whether it runs every day, as services and storage do; people rest at weekends."""
        return not self.owner or self.owner in SERVICE_ACCOUNTS

    def activity(self, age: int) -> float:
        """The share of its full volume on a day of this age; work that ended long ago fades out."""
        if self.state == "since":
            return float(age <= self.age)
        if self.state in ("deleted", "archived"):
            return min(1.0, max(0.0, (age - self.age) / (30 if self.age > 35 else 1)))
        return 1.0


def _workload(key: str, project: str, owner: str, state: str, mixes: str) -> Workload:
    word, _, age = state.partition(" ")
    parsed = []
    for mix in filter(None, mixes.split(", ")):
        name, dollars, days = f"{mix} @100".split()[:3]
        parsed.append((name, float(dollars), int(days[1:]) / 100))
    return Workload(key, project, owner, word, int(age or 0), parsed)


WORKLOADS = [
    _workload(*[cell.strip() for cell in line.split(";")])
    for line in _WORKLOADS.strip().splitlines()
]
