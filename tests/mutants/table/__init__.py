"""The mutants that unit tests, the walk and the tables must notice: a file for each
folder of src/."""

from . import (base, cloud, config, control, fetch, install, launch, model, mqtt, otactl,
               otad, update, verify)

MUTANTS = [mutant for folder in (base, cloud, config, control, fetch, install, launch,
                                 model, mqtt, otactl, otad, update, verify)
           for mutant in folder.MUTANTS]
