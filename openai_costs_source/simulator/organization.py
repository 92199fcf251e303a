"""The simulated organization: half a year of bills as OpenAI's costs API would tell them.

Everything follows from the day it is asked on. Nothing is random: the same `today` gives the same
people, keys and amounts on every machine, and one day later the days before the last five weeks are
told nearly the same.

What there is to find in the bill: a weekday rhythm and slow growth; a migration from gpt-5.4 to
gpt-5.6 centred 75 days ago; a price cut 50 days ago; a runaway key nine days ago; a weekend without
any usage three weeks ago; a project archived about 60 days ago; two people and four keys since
deleted; a key rotated 25 days ago; free tokens; days that are told differently once they are older.
"""

import hashlib
import struct
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Any, NamedTuple

HISTORY_DAYS = 180
RUNAWAY_AGE = 9
PRICE_CUT_AGE = 50
RUNAWAY_KEY = "key_search-reranker"
AGENTS_KEY = "key_europe-agents"
AGENT_RUNTIME = "agent runtime preview"

# Sums and products of money raise rather than lose a digit.
EXACT = Context(prec=80, traps=[Inexact])

# id; name; residency; archived
_PROJECTS = """
    storefront; Storefront assistant; GLOBAL;
    support;    Support desk;         GLOBAL;
    search;     Search and ranking;   US_STORAGE_PROCESSING;
    studio;     Image studio;         GLOBAL;
    europe;     Europe;               EU_STORAGE_PROCESSING;
    prototype;  Chat prototype 2025;  GLOBAL; archived
"""
_PEOPLE = """
    Amara Osei; Bruno Carvalho; Chiara Bellini; Dmitri Volkov; Elif Demir; Farid Haddad;
    Greta Lindqvist; Hugo Lefèvre; Ines Duarte; Jonas Weber; Kavya Raman; Liam O'Connor;
    Mei Tanaka; Noah Stein; Olga Marczak
"""
_OWNERS = ("user-amara", "user-greta")
_DELETED = ("user-noah", "user-olga")
_SERVICE_ACCOUNTS = {
    "storefront-prod": "storefront",
    "helpdesk-bot": "support",
    "search-indexer": "search",
    "studio-render": "studio",
}

# The project, or none where it is the whole organization's; kind; dollars a month
_BUDGETS = """
    ;           limit; 60000
    ;           alert; 30000
    ;           alert; 45000
    storefront; alert; 15000
    studio;     limit; 9000
"""

# key; project; owner; state; mixes with dollars a weekday and, after @, the percentage of days.
# Without a key: the playground (an owner) and what no person caused (no owner). A state's number is
# an age in days. A key that is `inactive` belongs to a person without access to the project.
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

# mix; era; unit; model or tool; then each of its meters with its price and its share (per cent) of
# the mix's dollars. Prices are for a million tokens or characters, a thousand calls, or one of
# anything else. What is `old` gives way to what is `new`, and what is `dear` to what is `cheap`.
_PRICES = """
    frontier; old; tokens; gpt-5.4-2026-03-05; input 2.50 36; cached input 0.25 9; output 15.00 45
    frontier; old; tokens; gpt-5.4-2026-03-05; input, long context 5.00 7
    frontier; old; tokens; gpt-5.4-2026-03-05; cached input, long context 0.50 3
    frontier; new; tokens; gpt-5.6-sol; input 2.00 36; cached input 0.20 14; output 12.00 50
    small; old; tokens; gpt-5.4-mini-2026-03-17; input 0.75 40; cached input 0.075 9; output 4.5 51
    small; new; tokens; gpt-5.6-luna; input 0.60 38; cached input 0.06 12; output 3.60 50
    priority; old; tokens; priority | gpt-5.4-2026-03-05; input 5.00 100
    priority; new; tokens; priority | gpt-5.6-sol; output 24.00 100
    batch; old; tokens; batch | gpt-5.4-mini-2026-03-17; input 0.375 60; output 2.25 40
    batch; new; tokens; batch | gpt-5.6-luna; input 0.30 60; output 1.80 40
    terra; ; tokens; gpt-5.6-terra; input 1.25 34; cached input 0.125 6; output 10.00 50
    terra; ; tokens; gpt-5.6-terra; cache writes 1.5625 10
    latest; ; tokens; gpt-5.5-2026-04-23; input 5.00 40; cached input 0.50 8; output 30.00 52
    codex; ; tokens; gpt-5.3-codex; input 1.75 45; output 14.00 55
    mini; dear; tokens; gpt-5-mini-2025-08-07; input 0.35 45; output 2.80 55
    mini; cheap; tokens; gpt-5-mini-2025-08-07; input 0.25 45; output 2.00 55
    astra; ; tokens; gpt-6-astra; input_tokens 8.00 100
    four; ; tokens; gpt-4.1-2025-04-14; input 2.00 20; output 8.00 25
    four; ; tokens; gpt-4o-2024-08-06; output 10.00 25
    four; ; tokens; gpt-4o-mini-2024-07-18; input 0.15 12; cached input 0.075 4; output 0.60 14
    free; ; tokens; gpt-4o-mini-2024-07-18; input 0.15 40; output 0.60 60
    evals; ; tokens; evals | gpt-4o-mini-2024-07-18; input 0.15 100
    tuned; ; 1000_tokens; ft-gpt-4o-2024-08-06; input 0.00375 100
    embedding; ; tokens; text-embedding-3-small; input 0.02 100
    images; ; tokens; gpt-image-2-2026-04-21 image; input 8.00 12; output 30.00 82
    images; ; tokens; gpt-image-2-2026-04-21 text; input 5.00 5; output 10.00 1
    retouch; ; tokens; gpt-image-1 image; input 10.00 15; cached input 2.50 5; output 40.00 60
    retouch; ; tokens; gpt-image-1 text; input 5.00 8; cached input 1.25 2
    retouch; ; tokens; gpt-image-1.5-2025-12-16 text; output 10.00 10
    voice; ; tokens; gpt-audio-mini-2025-12-15 text; input 0.60 10; output 2.40 20
    voice; ; tokens; gpt-audio-mini-2025-12-15 audio; input 10.00 30; output 20.00 40
    speech; ; characters; tts hd; 30.00 60
    speech; ; duration_seconds; whisper; 0.0001 40
    dalle; ; images; dall-e-2; output 0.018 100
    web; ; calls; web search tool calls; 10.00 85
    web; ; calls; web search tool calls | gpt-4o; 25.00 15
    filesearch; ; calls; file search tool calls; 2.50 100
    interpreter; ; calls; code interpreter tool calls; 30.00 100
    storage; ; gibibyte_hours; assistants api | file search; 0.004166666667 100
    runtime; ; duration_hours; agent runtime preview; 0.0512 100
"""

_PRICED_PER = {"tokens": 6, "characters": 6, "calls": 3}
_DECIMALS = {"1000_tokens": 3, "duration_hours": 9, "gibibyte_hours": 9}
# Data kept in the EU costs a tenth more; the tail of this factor takes amounts past 18 decimals.
_UPLIFT = {"proj_europe": Decimal("1.10000000000001")}

_WEEKDAYS = (0.96, 1.06, 1.10, 1.05, 0.91)
_GROWTH_A_DAY = 0.0011
_GROWTH_FROM = date(2026, 1, 1).toordinal()


class Charge(NamedTuple):
    """One row of a day's bill at the finest grain; `amount` is exactly `quantity` times a price."""

    project_id: str | None
    user_id: str | None
    api_key_id: str | None
    line_item: str
    amount: Decimal
    quantity: Decimal | None
    quantity_unit: str | None

    @property
    def api_source(self) -> str:
        is_of_agents = self.line_item == AGENT_RUNTIME or self.api_key_id == AGENTS_KEY
        return "agents_api" if is_of_agents else "unlabeled"


class _Meter(NamedTuple):
    share: float
    era: str
    line_item: str
    unit: str
    price: Decimal


class _Workload(NamedTuple):
    key: str
    project: str
    owner: str
    state: str
    age: int
    mixes: list[tuple[str, float, float]]

    @property
    def steady(self) -> bool:
        """Services and storage work every day; people rest at weekends."""
        return not self.owner or self.owner in _SERVICE_ACCOUNTS

    def activity(self, age: int) -> float:
        """The part of its volume on a day of that age; what ended long ago had faded out."""
        if self.state == "since":
            return float(age <= self.age)
        if self.state in ("deleted", "archived"):
            return min(1.0, max(0.0, (age - self.age) / (30 if self.age > 35 else 1)))
        return 1.0


def _table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(";")] for line in text.strip().splitlines()]


def _workload(key: str, project: str, owner: str, state: str, mixes: str) -> _Workload:
    word, _, age = state.partition(" ")
    parsed = []
    for mix in filter(None, mixes.split(", ")):
        name, dollars, days = f"{mix} @100".split()[:3]
        parsed.append((name, float(dollars), int(days[1:]) / 100))
    return _Workload(key, project, owner, word, int(age or 0), parsed)


def _meter(era: str, unit: str, model: str, meter: str) -> _Meter:
    *words, dollars, share = meter.split()
    line_item = f"{model}, {' '.join(words)}" if words else model
    price = Decimal(dollars).scaleb(-_PRICED_PER.get(unit, 0))
    return _Meter(int(share) / 100, era, line_item, unit, price)


_ALL_WORKLOADS = [_workload(*row) for row in _table(_WORKLOADS)]
_METERS: dict[str, list[_Meter]] = {}
for _mix, _era, _unit, _model, *_row in _table(_PRICES):
    _METERS.setdefault(_mix, []).extend(_meter(_era, _unit, _model, cell) for cell in _row)


def noise(*key: object) -> tuple[float, float, float, float]:
    """Four numbers in [0, 1) that depend on the key alone, on any machine."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    a, b, c, d = (part / 2**32 for part in struct.unpack("<4I", digest))
    return a, b, c, d


def midnight(day: date) -> int:
    """The Unix time at which that UTC day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


class Organization:
    """What the API tells on the UTC day `today` of one organization.

    `projects`, `users`: the listings' objects. `service_accounts`, `api_keys`: the same, by
    project id; `spend_limits`, `spend_alerts`: by project id, the organization's under an empty
    one. Deleted people and keys are absent from the listings, never from the charges;
    `emails` and `project_names` know everybody who was ever billed.
    """

    id = "org-demo-heliotrope"
    slug: str | None = "heliotrope-labs"
    name = "Heliotrope Labs"

    def __init__(self, today: date) -> None:
        self.today = today
        self.earliest = today - timedelta(days=HISTORY_DAYS)
        saturday = today - timedelta(days=19)
        saturday -= timedelta(days=(saturday.weekday() - 5) % 7)
        self.empty_days = (saturday, saturday + timedelta(days=1))
        self.projects = [_project(today, *row) for row in _table(_PROJECTS)]
        self.project_names = {project["id"]: project["name"] for project in self.projects}
        people = [_user(name.strip()) for name in _PEOPLE.split(";")]
        self.emails = {user["id"]: user["email"] for user in people}
        self.users = [user for user in people if user["id"] not in _DELETED]
        self.service_accounts: dict[str, list[dict[str, Any]]] = {p: [] for p in self.project_names}
        self.api_keys: dict[str, list[dict[str, Any]]] = {p: [] for p in self.project_names}
        owners = {user["id"]: user for user in self.users}
        for slug, project in _SERVICE_ACCOUNTS.items():
            owners[f"svc_acct_{slug}"] = account = _service_account(slug)
            self.service_accounts[f"proj_{project}"].append(account)
        for work in _ALL_WORKLOADS:
            if work.key and work.state not in ("deleted", "archived"):
                self.api_keys[f"proj_{work.project}"].append(_api_key(work, owners, today))
        self.spend_limits: dict[str, dict[str, Any]] = {}
        self.spend_alerts: dict[str, list[dict[str, Any]]] = {}
        for project, kind, dollars in _table(_BUDGETS):
            project_id = f"proj_{project}" if project else ""
            if kind == "limit":
                self.spend_limits[project_id] = _spend_limit(project, int(dollars))
            else:
                alerts = self.spend_alerts.setdefault(project_id, [])
                alerts.append(_spend_alert(project, int(dollars)))
        self._told: dict[date, list[Charge]] = {}

    def charges(self, day: date) -> list[Charge]:
        """The day's charges at the finest grain, as told on `today`.

        Today is partial, yesterday still lacks rows; then a day stays as it is, except that every
        eleventh is restated when five days old (amounts change and a row vanishes) and that what
        is told by age, the runaway day, the empty weekend and the migration, moves with `today`.
        """
        if day not in self._told:
            self._told[day] = self._tell(day)
        return self._told[day]

    def _tell(self, day: date) -> list[Charge]:
        age = (self.today - day).days
        if age < 0 or day in self.empty_days:
            return []
        ordinal = day.toordinal()
        restated = ordinal % 11 == 0
        told: list[tuple[float, Charge]] = []
        for work in _ALL_WORKLOADS:
            presence, volume = _rhythm(day, work)
            volume *= work.activity(age)
            if age == RUNAWAY_AGE and f"key_{work.key}" == RUNAWAY_KEY:
                volume *= 8
            for mix, dollars, frequency in work.mixes:
                for meter in _METERS[mix]:
                    coin, spread, late, order = noise(
                        ordinal, work.key or work.owner, work.project, meter.line_item
                    )
                    if coin >= frequency * presence or (age < 2 and late < 0.12):
                        continue
                    size = dollars * volume * meter.share * _migrated(meter.era, age)
                    size *= 0.75 + spread / 2
                    if age == 0:
                        size *= 0.4
                    if restated and age < 5 and late > 0.8:
                        size *= 0.9
                    if charge := _charge(work, meter, size, free=mix == "free"):
                        told.append((order, charge))
        if restated and age >= 5:
            told.remove(min(told))
        return [charge for _, charge in told]


def _project(today: date, slug: str, name: str, residency: str, archived: str) -> dict[str, Any]:
    # Archived on the first of the month after its spend ended: a date that stays put for a month.
    first = ((today - timedelta(days=60)).replace(day=1) + timedelta(days=31)).replace(day=1)
    return {
        "id": f"proj_{slug}",
        "object": "organization.project",
        "name": name,
        "created_at": _born(2024, slug),
        "archived_at": midnight(first) if archived else None,
        "status": archived or "active",
        "residency": residency,
    }


def _user(name: str) -> dict[str, Any]:
    slug = name.split()[0].lower()
    return {
        "object": "organization.user",
        "id": f"user-{slug}",
        "name": name,
        "email": f"{slug}@heliotrope.example",
        "role": "owner" if f"user-{slug}" in _OWNERS else "reader",
        "added_at": _born(2024, slug),
    }


def _service_account(slug: str) -> dict[str, Any]:
    return {
        "object": "organization.project.service_account",
        "id": f"svc_acct_{slug}",
        "name": slug,
        "role": "member",
        "created_at": _born(2024, slug),
    }


def _api_key(work: _Workload, owners: dict[str, dict[str, Any]], today: date) -> dict[str, Any]:
    kind = "service_account" if work.steady else "user"
    owner = owners[f"svc_acct_{work.owner}" if work.steady else f"user-{work.owner}"]
    described = {name: owner[name] for name in ("id", "name", "email") if name in owner}
    used_at = midnight(today) + int(noise(work.key, "used")[0] * 36000)
    return {
        "object": "organization.project.api_key",
        "id": f"key_{work.key}",
        "name": work.key,
        "redacted_value": f"sk-{kind[:4]}****{int(noise(work.key)[1] * 65536):04x}",
        "created_at": _born(2025, work.key),
        "last_used_at": used_at if work.mixes else None,
        "owner_project_access": "inactive" if work.state == "inactive" else "active",
        "owner": {
            "type": kind,
            kind: {**described, "created_at": _born(2024, work.owner), "role": "member"},
        },
    }


def _spend_limit(project: str, dollars: int) -> dict[str, Any]:
    return {
        "object": f"{'project' if project else 'organization'}.spend_limit",
        "threshold_amount": dollars * 100,
        "currency": "USD",
        "interval": "month",
        "enforcement": {"status": "inactive"},
    }


def _spend_alert(project: str, dollars: int) -> dict[str, Any]:
    return {
        "object": f"{'project' if project else 'organization'}.spend_alert",
        "id": f"alert_{project or 'heliotrope'}-{dollars}",
        "threshold_amount": dollars * 100,
        "currency": "USD",
        "interval": "month",
        "notification_channel": {
            "type": "email",
            "recipients": ["finops@heliotrope.example"],
            "subject_prefix": None,
        },
    }


def _born(year: int, slug: str) -> int:
    return midnight(date(year, 1, 15)) + int(noise(slug)[0] * 300 * 86400)


def _rhythm(day: date, work: _Workload) -> tuple[float, float]:
    """How likely each of the workload's rows is on that weekday, and its relative volume."""
    growth = max(0.2, 1 + (day.toordinal() - _GROWTH_FROM) * _GROWTH_A_DAY)
    if day.weekday() < 5:
        return 1.0, growth * _WEEKDAYS[day.weekday()]
    return (1.0, growth * 0.68) if work.steady else (0.45, growth * 0.4)


def _migrated(era: str, age: int) -> float:
    """The part of the volume that an era has: from 105 to 45 days ago, old models become new ones,
    and 50 days ago a dear one became cheap."""
    moved = min(1.0, max(0.0, (105 - age) / 60))
    is_dear = float(age > PRICE_CUT_AGE)
    return {"old": 1 - moved, "new": moved, "dear": is_dear, "cheap": 1 - is_dear}.get(era, 1.0)


def _charge(work: _Workload, meter: _Meter, dollars: float, free: bool) -> Charge | None:
    """The charge for about that many dollars. A volume may be a float; money never is."""
    decimals = _DECIMALS.get(meter.unit, 0)
    quantity = Decimal(round(dollars / float(meter.price) * 10**decimals)).scaleb(-decimals)
    if not quantity:
        return None
    project_id = f"proj_{work.project}"
    price = EXACT.multiply(meter.price, _UPLIFT.get(project_id, Decimal(1)))
    return Charge(
        project_id=project_id,
        user_id=f"user-{work.owner}" if work.owner and not work.steady else None,
        api_key_id=f"key_{work.key}" if work.key else None,
        line_item=meter.line_item,
        amount=Decimal(0) if free else EXACT.multiply(quantity, price),
        quantity=quantity,
        quantity_unit=None if meter.unit == "calls" else meter.unit,
    )
