"""Documents in French, as finance writes it in Canada and in France."""

from decimal import Decimal

from services.billing_documents.document import BillingDocument, DocumentKind, DocumentLine, Prorated
from services.billing_documents.wording import Wording, included_of
from services.invoices.numbers import written_number
from services.rules.money import Money
from services.rules.taxes import EXEMPT, EXPORT_NOTES, OUT_OF_SCOPE_NOTE, REVERSE_CHARGE_NOTE

BASES = {"latest": "dernier relevé", "peak": "relevé le plus élevé", "average": "moyenne des relevés"}


class French(Wording):
    """The units and pools of the price books that ship have French names; others keep the name their book gives."""

    labels = {
        "invoice": "Facture", "credit_note": "Note de crédit", "preview": "Aperçu",
        "seller": "Émetteur", "buyer": "Facturé à", "number": "Numéro", "issued": "Date d’émission",
        "due": "Date d’échéance", "period": "Période", "purchase_order": "Bon de commande", "customer": "Nᵒ de client",
        "corrects": "Crédite la facture", "corrects_issued": "Du", "reason": "Motif",
        "description": "Désignation", "quantity": "Quantité", "rate": "Prix unitaire", "amount": "Montant",
        "subtotal": "Sous-total", "tax": "Taxe", "total": "Total", "paid": "Payé", "left": "Solde à payer",
        "credit": "En votre faveur", "no_tax": "Aucune taxe facturée",
        "how_to_pay": "Pour payer", "pay_online": "Payer en ligne", "reference": "Référence", "notes": "Mentions",
        "receipt": "Reçu", "code": "Code de vérification", "verify": "À vérifier sur",
        "no_lines": "Il n’y a rien à facturer.",
        "minimum": "Porté au minimum", "maximum": "Ramené au maximum",
        "exactly": "Exactement, avant l’unique arrondi de la ligne", "flat_fee": "forfait", "package": "lot",
        "packages": "lots", "untaxed": "non taxé", "in_advance": "Facturé d’avance",
        "covered": "Compris dans votre forfait, rien à payer",
        "void_mark": "Annulée", "preview_mark": "Aperçu · n’est pas une facture",
    }  # fmt: skip
    units = {
        "discount": ("", ""), "adjustment": ("", ""), "proration": ("", ""),
        "credit": ("crédit", "crédits"), "asset": ("actif", "actifs"), "month": ("mois", "mois"), "year": ("an", "ans"),
        "call": ("appel", "appels"), "question": ("question", "questions"), "exchange": ("échange", "échanges"),
        "token": ("jeton", "jetons"), "job": ("tâche", "tâches"), "run": ("exécution", "exécutions"),
        "unit": ("unité", "unités"), "day": ("jour", "jours"), "hour": ("heure", "heures"),
        "pack": ("lot", "lots"),
    }  # fmt: skip
    names = {
        "Credits": "Crédits", "API calls": "Appels d’API", "Verified exchanges": "Échanges vérifiés",
        "Fallback units": "Unités de repli", "Fallback tokens": "Jetons de repli", "Questions": "Questions",
    }  # fmt: skip
    registrations = {
        "ca_gst_hst": "Nᵒ TPS/TVH", "ca_qst": "Nᵒ TVQ", "ca_pst_bc": "Nᵒ TVP (C.-B.)", "ca_pst_sk": "Nᵒ TVP (SK)",
        "ca_rst_mb": "Nᵒ TVD (MB)", "eu_vat": "Nᵒ TVA", "us_ein": "EIN", "other": "Nᵒ fiscal",
    }  # fmt: skip
    reasons = {
        REVERSE_CHARGE_NOTE: "Autoliquidation : TVA due par le preneur (article 196 de la directive 2006/112/CE)",
        OUT_OF_SCOPE_NOTE: "Prestation hors de l’Union européenne : non soumise à la TVA"
        " (article 44 de la directive 2006/112/CE)",
        EXPORT_NOTES["CA"]: "Fourniture détaxée à un non-résident (Loi sur la taxe d’accise, annexe VI, partie V)",
    }
    taxes = {"GST": "TPS", "HST": "TVH", "QST": "TVQ", "PST": "TVP", "RST": "TVD", "VAT": "TVA"}

    def unit_of(self, quantity: Decimal, unit: str) -> str:
        """French has the singular up to, but not including, two."""
        singular, plural = self.units.get(unit, (unit, unit))
        return singular if abs(quantity) < 2 else plural

    def title(self, line: DocumentLine, document: BillingDocument) -> str:
        number, since = self.formats.number, self.formats.day(line.starts_on)
        match line.kind:
            case "base":
                words = self._base_fee(line)
            case "proration":
                part = "Part inutilisée" if line.amount_minor < 0 else "Reste de la période"
                words = f"{part} : {self._base_fee(line)}"
            case "asset_uplift":
                site = f" ({line.sources['site']})" if "site" in line.sources else ""
                words = f"Actifs au-delà du forfait de {number(included_of(line))}{site}"
            case "overage":
                words = f"{self.pool(line)} au-delà du forfait de {number(included_of(line))}{self._a_day(line)}"
            case "late_usage":
                words = f"Utilisation tardive de la période du {since} : {self.pool(line)}"
            case "correction":
                words = f"Correction de la période du {since} : {self.pool(line)}"
            case "discount":
                words = f"Promotion {line.sources['code']} : {self._off(line)} sur les frais de base"
            case "top_up":
                words = f"{self.pool(line)}, achat : {line.plan.packs.get(line.sources['pack'], line.sources['pack'])}"
            case "gain_share":
                first, last = self.formats.day(line.starts_on), self.formats.day(line.ends_on)
                words = f"Partage des gains, du {first} au {last}"
            case "carried" | "adjustment":
                words = self._amount_alone(line, document)
            case _:
                words = line.description
        return words

    def _amount_alone(self, line: DocumentLine, document: BillingDocument) -> str:
        """Credit that is carried on, and what somebody decided: their reason stays as they wrote it."""
        if line.kind == "carried" and line.amount_minor > 0:
            return "Crédit restant, reporté sur votre prochaine facture"
        if line.kind == "carried":
            return f"Crédit reporté de la facture {written_number(line.sources['invoice'])}"
        if document.kind == DocumentKind.CREDIT_NOTE:
            return f"Ajustement de la facture {document.corrects_number}"
        return f"Ajustement : {line.description.removeprefix('Adjustment: ')}"

    def _base_fee(self, line: DocumentLine) -> str:
        return f"{line.plan.name}, frais de base {'annuels' if line.unit == 'year' else 'mensuels'}"

    def assets_counted(self, line: DocumentLine) -> str:
        counted = self.counted(Decimal(line.sources["counted"]), line.unit)
        included = self.formats.number(included_of(line))
        return f"Relevé : {counted} ({BASES[line.sources['basis']]}), forfait : {included}"

    def use_counted(self, line: DocumentLine) -> str:
        used = self.counted(Decimal(line.sources["used_credits"]), line.unit)
        return f"Utilisation : {used}, forfait : {self.formats.number(included_of(line))}{self._a_day(line)}"

    def difference(self, line: DocumentLine) -> str:
        beyond = self.counted(Decimal(line.sources["overage"]), line.unit)
        before = self.formats.number(Decimal(line.sources["billed_before"]))
        return f"Au-delà du forfait à ce jour : {beyond}, déjà facturé : {before}"

    def share_of_term(self, prorated: Prorated) -> str:
        fee, days = self.formats.amount(prorated.fee.amount_minor), self.formats.span(*prorated.days)
        since = self.formats.moment(prorated.changed_at)
        return f"Sur {fee} pour {days}, à la seconde près à compter du {since}"

    def share_of_savings(self, line: DocumentLine) -> str:
        seq = self.formats.number(line.sources["approval"]["seq"])
        return f"Sur des gains documentés de {self.savings(line)}, approuvés au reçu {seq}"

    def bought(self, credits: Decimal) -> str:
        return f"{self.formats.number(credits)} en tout"

    def records(self, count: int) -> str:
        return f"{self.formats.number(count)} relevé{'' if count < 2 else 's'} d’utilisation"

    def stretch(self, *, is_first: bool, quantity: Decimal, unit: str) -> str:
        """A tier; its unit is of a gender unknown here, so the words before it do not agree with it."""
        return f"{'Tranche de départ' if is_first else 'Tranche suivante'} : {self.counted(quantity, unit)}"

    def promotion(self, line: DocumentLine) -> str:
        of = self.formats.amount(Money.parse(line.sources["of"], self.formats.currency).amount_minor)
        return f"sur {of}"

    def tax_reason(self, category: str, reason: str) -> str:
        """The notes we know by heart in French; why somebody is exempt stays as it was written."""
        return f"Exonéré de taxe : {reason}" if category == EXEMPT else self.reasons.get(reason, reason)

    def tax_of(self, name: str, rate: str, base: str) -> str:
        return f"{self.taxes.get(name, name)} {rate} sur {base}"

    def due(self, document: BillingDocument) -> str:
        day = self.formats.day
        if document.kind == DocumentKind.PREVIEW:
            return f"à ce jour, depuis le {day(document.starts_on)} ; rien n’est encore dû"
        if document.kind == DocumentKind.CREDIT_NOTE:
            return f"crédité sur la facture {document.corrects_number}"
        if document.status == "void":
            return "facture annulée ; rien n’est dû"
        if document.paid_on is not None:
            return f"payé le {day(document.paid_on)}"
        if document.status == "uncollectible":
            return "créance irrécouvrable"
        assert document.due_on is not None
        return f"à payer au plus tard le {day(document.due_on)}"

    def note_applied(self, number: str, day: str) -> str:
        return f"Note de crédit {number} du {day}"

    def page(self) -> tuple[str, str]:
        return "Page ", " sur "

    def unsettable(self) -> str:
        return (
            "Les lettres que les polices disponibles n’ont pas sont remplacées par « ? » ;"
            " les données jointes les contiennent telles quelles."
        )

    def _a_day(self, line: DocumentLine) -> str:
        return " par jour" if line.sources.get("pool") in line.plan.daily_pools else ""

    def _off(self, line: DocumentLine) -> str:
        if "percent" in line.pricing:
            return f"remise de {self.formats.percent(Decimal(line.pricing['percent']))}"
        off = Money.parse(str(line.pricing["amount"]), self.formats.currency)
        return f"remise de {self.formats.money(off.amount_minor)}"
