"""The words of a report in French."""

from typing import Final

from models import Party, StepKind
from services.gain_share.words import TAKEN_BACK
from services.rules.gain_share import DOWNTIME_COST, KPI_DELTA

LABELS: Final = {
    "title": "Rapport de partage des gains", "seller": "Fournisseur", "customer": "Client", "run": "Calcul",
    "period": "Période", "method": "Méthode", "submitted": "Soumis le", "deadline": "À décider d’ici le",
    "status": "État", "fee": "Honoraires", "fee_of": "{share} d’économies documentées de {savings}",
    "no_fee": "Rien n’a été économisé : il n’y a pas d’honoraires",
    "compared": "La référence et ce qui a été mesuré", "baseline": "Référence", "measured": "Mesuré",
    "agreed": "Convenu dans", "receipt": "Reçu", "arose": "D’où vient chaque montant",
    "steps": "Chaque étape", "step": "Étape", "worked_out": "Calcul", "result": "Résultat",
    "rates": "Taux convenus par les deux parties", "charts": "Les indicateurs dans le temps",
    "charts_note": "Points pleins : la période du calcul. Tirets : la référence.",
    "effects": "Ce qui fait varier les honoraires",
    "effects_note": "Les honoraires si une donnée était plus basse ou plus haute d’un dixième, les autres inchangées.",
    "no_effects": "Aucune : un dixième de moins ou de plus de l’une d’elles laisse les honoraires inchangés.",
    "input": "Donnée", "lower": "Un dixième de moins", "higher": "Un dixième de plus", "none": "ne peut être calculé",
    "history": "Qui a signé quoi", "amounts": "Tous les montants en {0}. Les nombres sans fin sont montrés au "
    "millionième et gardés exacts ; les montants sont arrondis une fois.",
    "overlap": "Ces indicateurs se recoupent : une panne évitée est aussi de la disponibilité gagnée. Cette façon de "
    "compter a été convenue ; elle additionne les deux.",
    "calculation": "SHA-256 du calcul", "nothing_failed": "Aucune panne", "not_given": "Non fourni",
    "saved": "Économisé : {0}", "gained": "{0}, gain", "disputed": "Contesté : {0}", "file": "Fichier {0}, SHA-256 {1}",
    "code": "Code de vérification", "verify": "À vérifier sur", "page": "Page ", "of": " sur ",
    "share": "Part des économies", "unit_value": "{0}, valeur d’une unité",
    "unsettable": "Les lettres montrées par « ? » ne sont dans aucune police disponible.",
}  # fmt: skip
KPIS: Final = {
    "availability_pct": "Disponibilité",
    "mtbf_hours": "Temps moyen entre pannes",
    "mttr_hours": "Temps moyen de réparation",
    "inventory_value": "Pièces de rechange en stock",
    "overtime_hours": "Heures supplémentaires",
}
RATES: Final = {
    "operating_hours": "Heures d’exploitation par an",
    "downtime_rate": "Arrêt, l’heure",
    "labour_rate": "Main-d’œuvre, l’heure de réparation",
    "parts_cost": "Pièces, par panne",
    "availability_cost": "Une heure d’exploitation gagnée",
    "failure_cost": "Une panne évitée",
    "repair_cost": "Une heure de réparation évitée",
    "carrying_rate_pct": "Coût de possession du stock",
    "overtime_rate": "Heure supplémentaire",
    "value_rate": "Une unité, par an",
}
PARTS: Final = {
    "fewer_failures": "Moins de pannes",
    "shorter_repairs": "Réparations plus courtes",
    "availability": "Disponibilité",
    "mtbf": "Temps entre pannes",
    "mttr": "Temps de réparation",
    "inventory": "Moins de stock",
    "overtime": "Moins d’heures supplémentaires",
}
STEPS: Final = {
    "operating_hours": "Heures d’exploitation de la période",
    "baseline_availability": "Disponibilité selon la référence",
    "baseline_failures": "Pannes qu’il y aurait eu",
    "baseline_cost_per_failure": "Ce que coûtait une panne",
    "baseline_cost": "Ce que les pannes auraient coûté",
    "actual_availability": "Disponibilité selon la mesure",
    "actual_failures": "Pannes selon la mesure",
    "actual_cost_per_failure": "Ce que coûte une panne",
    "actual_cost": "Ce que coûtent les pannes",
    "operating_hours_gained": "Heures d’exploitation gagnées",
    "failures_avoided": "Pannes évitées",
    "repair_hours_saved": "Heures de réparation évitées",
    "inventory_freed": "Stock libéré",
    "overtime_hours_saved": "Heures supplémentaires évitées",
    "savings": "Économies, la somme des parts",
    "fee": "Honoraires, la part des économies",
}
BARS: Final = {"savings": "Économies", "kept": "Le client garde", "fee": "Honoraires"}
METHODS: Final = {DOWNTIME_COST: "Coût des arrêts", KPI_DELTA: "Indicateur par indicateur"}
STATUSES: Final = {
    "pending_approval": "En attente d’approbation",
    "approved": "Approuvé",
    "rejected": "Rejeté",
    "disputed": "Contesté",
    "replaced": "Remplacé",
    TAKEN_BACK: "Approuvé, facturé, puis repris avec sa facture",
}
KINDS: Final = {
    StepKind.SUBMITTED: "Soumis",
    StepKind.EVIDENCE: "Fichier présenté",
    StepKind.APPROVED: "Approuvé",
    StepKind.REJECTED: "Rejeté",
    StepKind.DISPUTED: "Contesté",
    StepKind.REPLACED: "Remplacé par un calcul révisé",
}
PARTIES: Final = {Party.SELLER: "fournisseur", Party.CUSTOMER: "client"}
