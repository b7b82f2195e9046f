"""What Python runs first in every process of a run's hosts, and in the links to them: site looks for it."""

from tests.faults.hosts.taking_part import take_part

take_part()
