"""`projects`, `users` and `api_keys`: names, days and costs to date."""

from collections import defaultdict

from recomputation.listings import utc_date
from recomputation.rows import grouped, only, total


def projects(books):
    listings = books.listings
    return [
        {
            **row,
            "project_name": listings.project_name(organization_id, id_),
            "is_deleted": listings.is_deleted(
                organization_id, {"project": ""}, id_, row["last_seen"]
            ),
            **listings.renamed("projects", organization_id, id_),
            "residency": listings.residency(organization_id, id_),
        }
        for organization_id, id_, row in _rows(books, "project")
    ]


def users(books):
    listings = books.listings
    return [
        {
            **row,
            "user_name": listings.user_name(organization_id, id_),
            "user_type": listings.user_type(organization_id, id_),
            "is_deleted": listings.is_deleted(organization_id, {"user": ""}, id_, row["last_seen"]),
            **listings.renamed("users", organization_id, id_),
        }
        for organization_id, id_, row in _rows(books, "user")
    ]


def api_keys(books):
    listings, rows = books.listings, []
    for organization_id, id_, row in _rows(books, "api_key"):
        owner = listings.version("api_keys", organization_id, id_, having="owner_id") or {}
        listed = listings.version("api_keys", organization_id, id_)
        billed = [c for c in _charges(books, "api_key") if c.api_key_id == id_]
        project_id = listed["project_id"] if listed else max(billed, key=by_day).project_id
        place = {"api_key": project_id}
        rows.append(
            {
                **row,
                "api_key_name": listings.key_name(organization_id, id_),
                "project_id": project_id,
                "project_name": listings.project_name(organization_id, project_id),
                "owner_id": owner.get("owner_id"),
                "owner_name": listings.user_name(organization_id, owner.get("owner_id")),
                "owner_type": owner.get("owner_type"),
                "is_deleted": listings.is_deleted(organization_id, place, id_, row["last_seen"]),
                **listings.renamed("api_keys", organization_id, id_),
            }
        )
    return rows


def by_day(charge):
    return charge.date


def _charges(books, kind):
    """All charges to date, those of trimmed days included."""
    charges = books.user_charges if kind == "user" else books.charges
    return [*charges, *books.trimmed]


def seen(books, kind):
    """The days with costs or in a listing, by organization and id of a project, user or key."""
    days = defaultdict(set)
    for c in _charges(books, kind):
        if id_ := getattr(c, f"{kind}_id"):
            days[c.organization_id, id_].add(c.date)
    tables = ("users", "service_accounts") if kind == "user" else (f"{kind}s",)
    for table in tables:
        for key, versions in books.listings.objects(table).items():
            days[key] |= {version["begins"] for version in versions}
    if kind == "user":
        for (organization_id, _), versions in books.listings.objects("api_keys").items():
            for version in versions:
                if version["owner_id"]:
                    days[organization_id, version["owner_id"]].add(version["begins"])
    for row in books.listings.listed:
        if row["kind"] == kind or (kind, row["kind"]) == ("user", "service_account"):
            days[row["organization_id"], row["id"]].add(utc_date(row["listed_at"]))
    return days


def _rows(books, kind):
    """Each id with its organization, and the columns that the three marts have in common."""
    charges = grouped(
        _charges(books, kind), lambda c: (c.organization_id, getattr(c, f"{kind}_id"))
    )
    for (organization_id, id_), days in seen(books, kind).items():
        billed = charges.get((organization_id, id_), ())
        currency = only(c.currency for c in billed)
        yield (
            organization_id,
            id_,
            {
                "organization_id": organization_id,
                "organization_name": books.listings.organization_name(organization_id),
                f"{kind}_id": id_,
                "first_seen": min(days),
                "last_seen": max(days),
                "currency": currency,
                "unblended_cost": total(c.amount for c in billed)
                if currency or not billed
                else None,
            },
        )
