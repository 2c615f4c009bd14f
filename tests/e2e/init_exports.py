"""Exports as their systems write them, with made-up people, and what becomes of each of their columns.

The names of columns are those of real exports. What is expected is where a column goes at Customerly, and how
it is converted: ``attributes.plan``, ``attributes.created unix_seconds UTC``; ``opted_out`` and ``where`` are
conditions of the source; ``-`` is a column that stands as a comment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

PEOPLE = 12
FIRST = ("Ada", "Bruno", "Chloé", "Dörte", "Enzo", "Fatou", "Grete", "Hugo", "Inès", "Jörg", "Kaja", "Livio")
LAST = (
    "Aalto",
    "Bianchi",
    "Césaire",
    "Dümmler",
    "Esposito",
    "Faye",
    "Grün",
    "Hansen",
    "Ibarra",
    "Jäger",
    "Kern",
    "Luca",
)
CITIES = ("Torino", "Lyon", "Köln", "Porto")
Columns = dict[str, tuple[str, Sequence[str]]]
"""By column: where it is expected to go, and its values, which are repeated as often as there are people."""


@dataclass(frozen=True)
class Case:
    """An export.

    Attributes:
        file: What the file is called.
        known: What is said of it if it is recognised; empty if it is guessed.
        columns: What it holds.
        removed: Whether it lists people who left.
        held: How many of its people must not be written to.
        gone: How many of its other rows are no contacts any more.
        separator: What stands between its fields.
        encoding: How it is encoded.
    """

    file: str
    known: str
    columns: Columns
    removed: bool = False
    held: int = 0
    gone: int = 0
    separator: str = ","
    encoding: str = "utf-8"
    expected: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", {name: where for name, (where, _) in self.columns.items()})

    @property
    def content(self) -> bytes:
        """The file."""
        values = [list(_repeated(values)) for _, values in self.columns.values()]
        lines = [list(self.columns), *([column[row] for column in values] for row in range(PEOPLE))]
        text = "\r\n".join(
            self.separator.join(_quoted(value, self.separator) for value in line) for line in lines
        )
        return (text + "\r\n").encode(self.encoding)


def _repeated(values: Sequence[str]) -> Iterator[str]:
    for row in range(PEOPLE):
        yield values[row % len(values)].format(n=row + 1, day=row + 1, first=FIRST[row], last=LAST[row])


def _quoted(value: str, separator: str) -> str:
    return '"' + value.replace('"', '""') + '"' if set(value) & {separator, '"', "\n"} else value


EMAIL = ("email", ["person{n}@example.com"])
FIRST_NAME = ("name", ["{first}"])
LAST_NAME = ("name", ["{last}"])
FULL_NAME = ("name", ["{first} {last}"])
PHONE = ("attributes.phone", ["", "+39 02 5550 {n:03}"])
CITY = ("attributes.city", CITIES)
COUNTRY = ("attributes.country", ["Italy", "France", "Germany", "Portugal"])
IP = ("-", ["192.0.2.{n}"])
NOBODY = ("-", [""])


def text(name: str, *values: str) -> tuple[str, Sequence[str]]:
    return f"attributes.{name}", values


def number(name: str, *values: str, kind: str = "int") -> tuple[str, Sequence[str]]:
    return f"attributes.{name} {kind}", values


def flag(name: str, *values: str) -> tuple[str, Sequence[str]]:
    return f"attributes.{name} bool", values


def date(name: str, *values: str, zone: str = "UTC", form: str = "") -> tuple[str, Sequence[str]]:
    return " ".join(filter(None, (f"attributes.{name} unix_seconds", form, zone))), values


HUBSPOT = Case(
    "hubspot-crm-exports-all-contacts-2026-05-04.csv",
    "HubSpot contacts",
    {
        "Record ID": ("attributes.hubspot_id", ["7010{n:03}"]),
        "First Name": FIRST_NAME,
        "Last Name": LAST_NAME,
        "Email": EMAIL,
        "Phone Number": PHONE,
        "Mobile Phone Number": text("mobile_phone", "", "+33 6 55 50 {n:02} 00"),
        "Job Title": text("job_title", "Buyer", "CTO", ""),
        "Associated Company": text("company", "Example & Sons", "Made-up GmbH"),
        "Associated Company IDs": ("-", ["9001{n}"]),
        "Lifecycle Stage": text("lifecycle_stage", "Lead", "Customer"),
        "Lead Status": text("lead_status", "New", "", "Open"),
        "Contact owner": ("-", ["Olga Owner", "Otto Owner"]),
        "Create Date": date("created_at", "2023-04-{day:02} 10:22"),
        "Last Activity Date": date("last_activity", "2024-01-{day:02} 09:05", ""),
        "City": CITY,
        "Country/Region": COUNTRY,
        "Postal Code": text("postal_code", "00184", "69001"),
        "Preferred language": text("language", "it", "fr", "de"),
        "Marketing contact status": ("-", ["Marketing contact", "Non-marketing contact"]),
        "Unsubscribed from all email": ("opted_out", ["", "", "true", "false"]),
        "Opted out of email: Marketing Information": ("opted_out", ["", "", "true", ""]),
        "Email hard bounce reason": ("opted_out", ["", "", "", "MAILBOX_FULL", "", ""]),
        "Legal basis for processing contact's data": text(
            "legal_basis", "Freely given consent from contact", "Legitimate interest"
        ),
        "Original Source": text("source", "Organic Search", "Direct Traffic"),
        "Number of Form Submissions": number("form_submissions", "0", "3", "12"),
        "HubSpot Score": number("score", "10", "", "85"),
        "Annual Revenue": number("annual_revenue", "120000.50", "", "88000", kind="float"),
        "Currently in workflow": flag("in_workflow", "true", "false", ""),
        "Renewal Date": date("renewal_date", "2026-12-{day:02}"),
        "Favourite Colour": ("-", ["green", "blue"]),
    },
    held=5,
    encoding="utf-8-sig",
)
HUBSPOT_REMOVED = Case(
    "hubspot-email-export.csv",
    "HubSpot unsubscribes and bounces",
    {
        "Email": EMAIL,
        "Portal Bounce": ("-", ["TRUE", "FALSE"]),
        "Portal Unsubscribe": ("-", ["FALSE", "TRUE"]),
        "Portal Spam Report": ("-", ["FALSE"]),
        "Global Bounce": ("-", ["FALSE"]),
        "Marketing Information": ("-", ["FALSE", "TRUE"]),
    },
    removed=True,
)
SALESFORCE_CONTACTS = Case(
    "report1714800000000.csv",
    "Salesforce contacts",
    {
        "Contact ID": ("attributes.salesforce_id", ["0035g00000Made{n:03}"]),
        "Salutation": text("salutation", "Ms.", "Mr."),
        "First Name": FIRST_NAME,
        "Last Name": LAST_NAME,
        "Title": text("job_title", "VP Sales", "Nurse"),
        "Account Name": text("company", "Example S.p.A.", "Made-up Ltd"),
        "Mailing Street": text("street", "Via Esempio {n}"),
        "Mailing City": CITY,
        "Mailing State/Province": text("state", "TO", "", "NW"),
        "Mailing Zip/Postal Code": text("postal_code", "01010", "50667"),
        "Mailing Country": COUNTRY,
        "Phone": PHONE,
        "Mobile": text("mobile_phone", "", "+49 170 5550 {n:03}"),
        "Email": EMAIL,
        "Email Opt Out": ("opted_out", ["0", "0", "1"]),
        "Do Not Call": flag("do_not_call", "0", "1"),
        "Contact Owner": ("-", ["Olga Owner"]),
        "Lead Source": text("lead_source", "Web", "Trade Show"),
        "Created Date": date("created_at", "{n}/28/2023", form="%m/%d/%Y"),
        "Last Activity": date("last_activity", "5/{day}/2024", form="%m/%d/%Y"),
        "Birthdate": date("birthday", "{n}/1/1980", form="%m/%d/%Y"),
    },
    held=4,
    separator=";",
    encoding="cp1252",
)
SALESFORCE_LEADS = Case(
    "leads-extract.csv",
    "Salesforce leads",
    {
        "ID": ("attributes.salesforce_id", ["00Q5g00000Made{n:03}"]),
        "ISDELETED": ("where", ["false", "false", "false", "false", "false", "true"]),
        "FIRSTNAME": FIRST_NAME,
        "LASTNAME": LAST_NAME,
        "TITLE": text("job_title", "Owner", "Buyer"),
        "COMPANY": text("company", "Example SA", "Made-up BV"),
        "STREET": text("street", "Rue Exemple {n}"),
        "CITY": CITY,
        "COUNTRY": COUNTRY,
        "PHONE": PHONE,
        "EMAIL": EMAIL,
        "LEADSOURCE": text("lead_source", "Web", "Referral"),
        "STATUS": text("lead_status", "Open - Not Contacted", "Working - Contacted"),
        "INDUSTRY": text("industry", "Retail", "Energy"),
        "ANNUALREVENUE": number("annual_revenue", "100000.0", "", kind="float"),
        "NUMBEROFEMPLOYEES": number("employees", "12", "250"),
        "OWNERID": ("-", ["0055g00000Owner01"]),
        "ISCONVERTED": flag("converted", "false", "true"),
        "HASOPTEDOUTOFEMAIL": ("opted_out", ["false", "true", "false", "false"]),
        "DONOTCALL": flag("do_not_call", "false", "true"),
        "EMAILBOUNCEDREASON": ("opted_out", ["", "", "", "", "550 no such user", ""]),
        "CREATEDDATE": date("created_at", "2023-04-{day:02}T08:15:30.000Z", zone=""),
        "LASTMODIFIEDDATE": date("last_modified", "2024-02-{day:02}T08:15:30.000Z", zone=""),
        "SYSTEMMODSTAMP": ("-", ["2024-02-{day:02}T08:15:30.000Z"]),
    },
    held=5,
    gone=1,
)
INTERCOM = Case(
    "users.csv",
    "Intercom",
    {
        "Name": FULL_NAME,
        "Email": EMAIL,
        "User ID": ("user_id", ["u-{n:04}"]),
        "Intercom ID": ("attributes.intercom_id", ["65a0f00000000000000000{n:02}"]),
        "Phone": PHONE,
        "City": CITY,
        "Country": COUNTRY,
        "First seen": date("first_seen", "2022-03-{day:02} 07:00:11"),
        "Signed up": date("created_at", "2022-03-{day:02} 07:04:59"),
        "Last seen": date("last_seen", "2024-03-{day:02} 17:04:59", ""),
        "Last contacted": date("last_contacted", "", "2024-02-{day:02} 17:04:59"),
        "Web sessions": number("web_sessions", "1", "40"),
        "Browser language": ("-", ["it", "en"]),
        "Browser": ("-", ["firefox"]),
        "Tag": ("tags ,", ["beta", "", "beta, vip"]),
        "Unsubscribed from Emails": ("opted_out", ["false", "false", "false", "true"]),
        "Marked email as spam": ("opted_out", ["false", "false", "true", "false", "false", "false"]),
        "Has hard bounced": ("opted_out", ["false"]),
        "Plan": text("plan", "free", "pro"),
        "Trial ends at": date("trial_ends_at", "2026-06-{day:02} 00:00:00"),
        "Seats": ("-", ["1", "25"]),
    },
    held=5,
)
MAILCHIMP_COLUMNS: Columns = {
    "Email Address": EMAIL,
    "First Name": FIRST_NAME,
    "Last Name": LAST_NAME,
    "Address": text("street", "Via Esempio {n}"),
    "Phone Number": PHONE,
    "Birthday": text("birthday", "04/{day:02}"),
    "MEMBER_RATING": number("member_rating", "2", "5"),
    "OPTIN_TIME": date("consent_at", "2021-04-{day:02} 10:22:33", ""),
    "OPTIN_IP": IP,
    "CONFIRM_TIME": date("confirmed_at", "2021-04-{day:02} 10:25:01"),
    "CONFIRM_IP": IP,
    "LATITUDE": ("-", ["45.07", ""]),
    "LONGITUDE": ("-", ["7.68", ""]),
    "GMTOFF": ("-", ["1"]),
    "DSTOFF": ("-", ["2"]),
    "TIMEZONE": ("-", ["Europe/Rome"]),
    "CC": ("-", ["IT"]),
    "REGION": ("-", ["TO"]),
    "LAST_CHANGED": date("last_changed", "2024-01-{day:02} 08:00:00"),
    "LEID": ("-", ["9000{n}"]),
    "EUID": ("-", ["abc{n:05}"]),
    "NOTES": ("-", ["", "met at the fair"]),
    "TAGS": ("tags ,", ['"VIP","Blog"', "", '"Blog"']),
}
MAILCHIMP = Case("subscribed_email_audience_export_1a2b3c4d5e.csv", "Mailchimp audience", MAILCHIMP_COLUMNS)
MAILCHIMP_UNSUBSCRIBED = Case(
    "unsubscribed_email_audience_export_1a2b3c4d5e.csv",
    "Mailchimp audience",
    {
        name: (where if where == "email" else "-", values)
        for name, (where, values) in MAILCHIMP_COLUMNS.items()
    }
    | {
        "UNSUB_TIME": ("-", ["2023-09-{day:02} 11:00:00"]),
        "UNSUB_CAMPAIGN_TITLE": ("-", ["Autumn"]),
        "UNSUB_REASON": ("-", ["N/A"]),
    },
    removed=True,
)
MAILCHIMP_CLEANED = Case(
    "cleaned_members.csv",
    "Mailchimp audience",
    {
        name: MAILCHIMP_UNSUBSCRIBED.columns[name]
        for name in ("Email Address", "First Name", "MEMBER_RATING", "LEID", "EUID")
    }
    | {"CLEAN_TIME": ("-", ["2023-09-{day:02} 11:00:00"]), "CLEAN_CAMPAIGN_TITLE": ("-", ["Autumn"])},
    removed=True,
)
PIPEDRIVE = Case(
    "people-1234567-89.csv",
    "Pipedrive people",
    {
        "Person - ID": ("attributes.pipedrive_id", ["{n}"]),
        "Person - Name": FULL_NAME,
        "Person - First name": text("first_name", "{first}"),
        "Person - Last name": text("last_name", "{last}"),
        "Person - Organization": text("company", "Example SL", "Made-up AS"),
        "Person - Email - Work": ("email", ["person{n}@example.com", "person{n}@example.com", ""]),
        "Person - Email - Home": ("email", ["", "", "person{n}@home.example.com"]),
        "Person - Email - Other": NOBODY,
        "Person - Phone - Work": PHONE,
        "Person - Phone - Mobile": text("mobile_phone", "", "+34 600 555 {n:03}"),
        "Person - Labels": ("tags ,", ["Hot lead", "Customer, Hot lead"]),
        "Person - Owner": ("-", ["Olga Owner"]),
        "Person - Marketing status": (
            "opted_out",
            ["Subscribed", "Subscribed", "No consent", "Unsubscribed"],
        ),
        "Person - Double opt-in": flag("double_opt_in", "Yes", "No"),
        "Person - Person created": date("created_at", "2022-11-{day:02} 12:30:00"),
        "Person - Update time": date("last_modified", "2024-11-{day:02} 12:30:00"),
        "Person - Next activity date": date("next_activity", "2026-11-{day:02}", ""),
        "Person - Open deals": number("open_deals", "0", "2"),
        "Person - Won deals": number("won_deals", "1", "0"),
        "Person - Job title": text("job_title", "CEO", "Buyer"),
        "Person - Notes": ("-", ["", "likes tea"]),
    },
    held=6,
)
ZENDESK = Case(
    "export-2026-05-04-users.csv",
    "Zendesk users",
    {
        "id": ("attributes.zendesk_id", ["36000000{n:03}"]),
        "external_id": ("user_id", ["shop-{n:04}"]),
        "name": FULL_NAME,
        "email": EMAIL,
        "phone": PHONE,
        "role": ("-", ["end-user"]),
        "organization_id": ("-", ["4400{n}"]),
        "organization": text("company", "Example Oy", "Made-up Kft"),
        "time_zone": text("timezone", "Rome", "Paris"),
        "locale": text("language", "it", "fr"),
        "tags": ("tags ,", ["vip,returns", ""]),
        "verified": flag("verified", "true", "false"),
        "suspended": flag("suspended", "false", "false", "true"),
        "active": ("where", ["true", "true", "true", "true", "true", "false"]),
        "created_at": date("created_at", "2020-04-{day:02}T10:22:33Z", zone=""),
        "updated_at": date("last_modified", "2024-04-{day:02}T10:22:33Z", zone=""),
        "last_login_at": date("last_login", "", "2024-04-{day:02}T10:22:33Z", zone=""),
        "details": ("-", ["", "floor 2"]),
        "notes": ("-", ["prefers calls", ""]),
        "url": ("-", ["https://example.zendesk.com/api/v2/users/{n}.json"]),
    },
    gone=2,
)
KLAVIYO = Case(
    "All profiles.csv",
    "Klaviyo profiles",
    {
        "Email": EMAIL,
        "Klaviyo ID": ("attributes.klaviyo_id", ["01HMADEUP{n:03}"]),
        "First Name": FIRST_NAME,
        "Last Name": LAST_NAME,
        "Organization": text("company", "Example ApS", ""),
        "Title": text("job_title", "", "Buyer"),
        "Phone Number": PHONE,
        "Address": text("street", "Rua Exemplo {n}"),
        "City": CITY,
        "State / Region": text("state", "TO", "69"),
        "Country": COUNTRY,
        "Zip Code": text("postal_code", "08001", "10115"),
        "Latitude": ("-", ["45.07"]),
        "Longitude": ("-", ["7.68"]),
        "Source": text("source", "Shopify", "Form"),
        "IP Address": IP,
        "Email Marketing Consent": (
            "opted_out",
            ["SUBSCRIBED", "SUBSCRIBED", "NEVER_SUBSCRIBED", "UNSUBSCRIBED"],
        ),
        "Email Marketing Consent Timestamp": date(
            "consent_at", "2023-04-{day:02} 10:22:33+00:00", "", zone=""
        ),
        "SMS Marketing Consent": text("sms_consent", "NEVER_SUBSCRIBED"),
        "Historic Customer Lifetime Value": number("lifetime_value", "10.5", "0", kind="float"),
        "Predicted Customer Lifetime Value": ("-", ["22.5", "0"]),
        "Historic Number Of Orders": number("orders", "3", "0"),
        "First Active": date("first_active", "2021-04-{day:02} 10:22:33+00:00", zone=""),
        "Profile Created On": date("created_at", "2021-04-{day:02} 10:20:00+00:00", zone=""),
        "Last Open": date("last_open", "2024-04-{day:02} 10:22:33+00:00", "", zone=""),
        "Email Suppressions": ("opted_out", ["", "HARD_BOUNCE", "", ""]),
    },
    held=9,
)
ACTIVECAMPAIGN = Case(
    "contacts-export.csv",
    "ActiveCampaign contacts",
    {
        "Email": EMAIL,
        "First Name": FIRST_NAME,
        "Last Name": LAST_NAME,
        "Phone": PHONE,
        "Tags": ("tags ,", ["prospect, webinar", "customer"]),
        "Date Created": date("created_at", "2021-07-{day:02} 09:10:11"),
        "IP": IP,
        "Status": ("opted_out", ["Active", "Unsubscribed", "Active", "Bounced", "Unconfirmed", "Active"]),
        "Customer Account": text("company", "Example NV", ""),
        "Webinar attended": flag("webinar_attended", "Yes", "No"),
        "T-shirt size": ("-", ["M", "L"]),
    },
    held=6,
)
ITALIAN = Case(
    "clienti-negozio.csv",
    "",
    {
        "Codice cliente": ("user_id", ["C-{n:03}"]),
        "Nome": FIRST_NAME,
        "Cognome": LAST_NAME,
        "Indirizzo e-mail": EMAIL,
        "Telefono": PHONE,
        "Città": CITY,
        "CAP": text("postal_code", "00184", "10121"),
        "Data registrazione": date("created_at", "{day:02}/04/2022 18:05", form="%d/%m/%Y %H:%M"),
        "Ultimo acquisto": date("ultimo_acquisto", "21/12/2025", "14/11/2025", form="%d/%m/%Y"),
        "Disiscritto": ("opted_out", ["No", "No", "Sì", ""]),
        "Tessera attiva": ("attributes.tessera_attiva expr", ["Sì", "No"]),
        "Punti": ("-", ["120", "4"]),
    },
    held=3,
    separator=";",
    encoding="cp1252",
)
GERMAN = Case(
    "kunden.txt",
    "",
    {
        "Kundennummer": ("user_id", ["{n:06}"]),
        "Vorname": FIRST_NAME,
        "Nachname": LAST_NAME,
        "E-Mail-Adresse": EMAIL,
        "Firma": text("company", "Beispiel AG", ""),
        "Ort": CITY,
        "PLZ": text("postal_code", "01067", "50667"),
        "Geburtsdatum": date("birthday", "{day:02}.05.1980", form="%d.%m.%Y"),
        "Einwilligung": ("opted_out", ["ja", "ja", "nein", ""]),
        "Einwilligung am": date("consent_at", "{day:02}.05.2021 10:00", "", form="%d.%m.%Y %H:%M"),
        "Rabatt": ("-", ["5", "10"]),
    },
    held=6,
    separator="\t",
    encoding="utf-16",
)
SHOP = Case(
    "customers_export.csv",
    "",
    {
        "Customer ID": ("user_id", ["88{n:04}"]),
        "First Name": FIRST_NAME,
        "Last Name": LAST_NAME,
        "Email": EMAIL,
        "Accepts Email Marketing": ("opted_out", ["yes", "no", "yes"]),
        "Accepts SMS Marketing": flag("accepts_sms_marketing", "no", "yes"),
        "Default Address City": CITY,
        "Phone": PHONE,
        "Total Spent": ("-", ["12.50", "0.00"]),
        "Created at": date("created_at", "Apr {day}, 2023", form="%b %d, %Y"),
        "Tags": ("tags ,", ["vip, gift", ""]),
    },
    held=4,
)
CASES = (
    HUBSPOT,
    HUBSPOT_REMOVED,
    SALESFORCE_CONTACTS,
    SALESFORCE_LEADS,
    INTERCOM,
    MAILCHIMP,
    MAILCHIMP_UNSUBSCRIBED,
    MAILCHIMP_CLEANED,
    PIPEDRIVE,
    ZENDESK,
    KLAVIYO,
    ACTIVECAMPAIGN,
    ITALIAN,
    GERMAN,
    SHOP,
)
