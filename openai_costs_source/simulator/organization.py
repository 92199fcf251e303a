"""The simulated organization: what OpenAI's API knows about it on one day."""

from datetime import date, timedelta

from openai_costs_source.simulator import listings
from openai_costs_source.simulator.charges import Charge, charges_at_age

HISTORY_DAYS = 180
_DELETED = ("user-noah", "user-olga")


class Organization:
    """One organization, as the API returns it on the UTC day `today`.

    `projects`, `users`: the listings' objects. `service_accounts`, `api_keys`: the same, by project
    id; `spend_limits`, `spend_alerts`: by project id, the organization's under an empty one.
    Deleted people and keys are absent from the listings, never from the charges; `emails` and
    `project_names` contain everybody who was ever billed and every project.

    The same `today` gives the same organization on every machine. One day later, days older than
    five weeks are nearly unchanged.
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
        self.projects = listings.projects(today)
        self.project_names = {project["id"]: project["name"] for project in self.projects}
        people = listings.people()
        self.emails = {user["id"]: user["email"] for user in people}
        self.users = [user for user in people if user["id"] not in _DELETED]
        self.service_accounts = listings.service_accounts()
        accounts = [
            account for of_project in self.service_accounts.values() for account in of_project
        ]
        self.api_keys = listings.api_keys([*self.users, *accounts], today)
        self.spend_limits = listings.spend_limits()
        self.spend_alerts = listings.spend_alerts()
        self._charges_by_day: dict[date, list[Charge]] = {}

    def charges(self, day: date) -> list[Charge]:
        """Return the day's charges at the finest grain, as of `today`; none in the empty weekend
        three weeks ago and in the future."""
        if day not in self._charges_by_day:
            self._charges_by_day[day] = self._charges_on(day)
        return self._charges_by_day[day]

    def _charges_on(self, day: date) -> list[Charge]:
        age = (self.today - day).days
        return [] if age < 0 or day in self.empty_days else charges_at_age(day, age)
