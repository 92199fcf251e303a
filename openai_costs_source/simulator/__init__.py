"""A simulated organization behind OpenAI's administration API, for the demo, tests and benchmarks.

Everything follows from one date, `today`; nothing is random. Each module uses only modules above
it:

    noise, unix_time   reproducible variation; the Unix time of a UTC day
    workloads, prices  what the organization runs, for how many dollars; what each model costs
    charges            the charges of a day, from workloads and prices
    listings           the objects of the listings: projects, people, keys, spend limits and alerts
    organization       `Organization`: the charges and listings that the API knows on `today`
    query, buckets     the parameters of a request, validated; pages of daily buckets
    costs              the rows of `/costs`, from charges
    usage_kinds        what each kind of usage measures and can be grouped and filtered by
    usage              the rows of `/usage/…`, from the same charges
    server             the HTTP server on 127.0.0.1
    failure_modes      unusual replies that were observed on live APIs, by name
    api                `SimulatedApi`: routes, keys, refusals and failure modes, served over HTTP
    seeds              teams, invoices, budgets and credits that the organization's people enter
"""
