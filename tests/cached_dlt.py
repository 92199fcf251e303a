"""Caches what dlt would compute again in each load.

Importing this module patches dlt in this process: it caches resolved type hints, the fields of
configuration classes and the capabilities of destinations. None of them depends on a load.
"""

from functools import cache
from weakref import WeakKeyDictionary

from dlt.common import validation
from dlt.common.configuration import resolve
from dlt.common.configuration.providers import environ
from dlt.common.configuration.specs.base_configuration import BaseConfiguration
from dlt.common.destination.reference import Destination

for _module in (resolve, environ):
    _module.is_secret_hint = cache(_module.is_secret_hint)
resolve.extract_inner_hint = cache(resolve.extract_inner_hint)

_type_hints = cache(lambda spec, get=validation.get_type_hints: get(spec))
validation.get_type_hints = lambda spec, globalns=None: _type_hints(spec)

_fields = cache(lambda cls, get=BaseConfiguration.get_resolvable_fields.__func__: get(cls))
BaseConfiguration.get_resolvable_fields = classmethod(lambda cls: dict(_fields(cls)))


def _capabilities(self, config=None, naming=None, given=Destination.capabilities):
    """Cache the capabilities without a configuration: dlt asks for them a dozen times per load."""
    if config is not None:
        return given(self, config, naming)
    known = _known_capabilities.setdefault(self, {})
    request = (type(naming), repr(self.caps_params), repr(self.config_params))
    if request not in known:
        known[request] = given(self, None, naming)
    return known[request].copy()


_known_capabilities = WeakKeyDictionary()
Destination.capabilities = _capabilities
