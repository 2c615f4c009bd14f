"""The exports that are known by their columns: HubSpot, Salesforce, Intercom, Mailchimp and others.

Only what their columns mean beyond their usual names stands here; the rest is in ``names``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bulk.starting.meanings import Form, Known, Meaning, table
from bulk.starting.names import FREE_TEXT, INTERNAL, STAFF, WHEREABOUTS, aside, detail, out


@dataclass(frozen=True, slots=True)
class Export:
    """A known export.

    Attributes:
        name: What people call it.
        marks: Sets of folded column names, any of which tells it, with bars between them.
        columns: What its columns mean, by folded name.
        starting: The same for all columns whose folded name begins so.
        zone: The zone of its dates that have no offset; empty if that is up to the account.
        prefix: What every folded name may begin with.
        removed: Columns that, filled in every row, tell a list of people who must not be written to.
        subscribed: Whether those whom nothing holds back have agreed to be written to.
        advice: What people must know before they carry it over, in sentences.
    """

    name: str
    marks: str
    columns: Mapping[str, Known]
    starting: Mapping[str, Known] = field(default_factory=dict)
    zone: str = ""
    prefix: str = ""
    removed: tuple[str, ...] = ()
    subscribed: bool = False
    advice: str = ""


def _record(system: str) -> Known:
    return Known(Meaning.RECORD_ID, f"{system}_id", Form.TEXT)


_CREATED = Known(Meaning.CREATED, "created_at", Form.DATE)
_BOUNCED = out("the address bounced")
_CRM_ADDRESS = (
    (detail("street"), "mailingstreet mailingaddressline1"),
    (detail("city"), "mailingcity"),
    (detail("state"), "mailingstate mailingstateprovince mailingstateprovincetextonly"),
    (detail("postal_code"), "mailingpostalcode mailingzippostalcode"),
    (detail("country"), "mailingcountry mailingcountrytextonly"),
)
_SALESFORCE = (
    (out("opted out of e-mail"), "emailoptout hasoptedoutofemail"),
    (_BOUNCED, "emailbouncedreason emailbounceddate isemailbounced"),
    (detail("do_not_call", Form.FLAG), "donotcall"),
    (detail("fax_opt_out", Form.FLAG), "faxoptout hasoptedoutoffax"),
    (Known(Meaning.GONE, about="deleted in Salesforce"), "isdeleted deleted"),
    (_CREATED, "createddate"),
    (detail("last_modified", Form.DATE), "lastmodifieddate"),
    (detail("last_activity", Form.DATE), "lastactivity lastactivitydate"),
    (detail("lead_source"), "leadsource"),
    (detail("department"), "department"),
    (detail("rating"), "rating"),
    (aside(STAFF), "leadowneralias contactowneralias accountowner owneralias"),
    (
        aside(INTERNAL),
        """
        accountid individualid masterrecordid reportstoid recordtypeid systemmodstamp
        lastvieweddate lastreferenceddate jigsaw jigsawcontactid photourl
        convertedaccountid convertedcontactid convertedopportunityid
        """,
    ),
)

EXPORTS: tuple[Export, ...] = (
    Export(
        "HubSpot unsubscribes and bounces",
        "portalunsubscribe portalbounce",
        table(
            (out("unsubscribed"), "portalunsubscribe globalunsubscribe marketinginformation"),
            (out("the address bounced"), "portalbounce globalbounce"),
            (out("reported spam"), "portalspamreport globalspamreport"),
        ),
        removed=("portalunsubscribe", "portalbounce"),
    ),
    Export(
        "HubSpot contacts",
        """
        recordid lifecyclestage | recordid contactowner | recordid unsubscribedfromallemail |
        contactid lifecyclestage | recordid marketingcontactstatus | recordid createdate email
        """,
        table(
            (_record("hubspot"), "recordid contactid"),
            (out("unsubscribed from all e-mail"), "unsubscribedfromallemail"),
            (_BOUNCED, "emailhardbouncereason"),
            (out("the address is invalid"), "invalidemailaddress"),
            (out("the address is in quarantine"), "emailaddressquarantined emailaddressquarantinereason"),
            (_CREATED, "createdate"),
            (detail("last_activity", Form.DATE), "lastactivitydate"),
            (detail("last_modified", Form.DATE), "lastmodifieddate"),
            (detail("legal_basis"), "legalbasisforprocessingcontactsdata"),
            (detail("in_workflow", Form.FLAG), "currentlyinworkflow"),
            (detail("form_submissions", Form.NUMBER), "numberofformsubmissions"),
            (detail("score", Form.NUMBER), "hubspotscore"),
            (
                aside("whether HubSpot bills for them; it does not say whether they agreed"),
                "marketingcontactstatus",
            ),
            (aside(INTERNAL), "associatedcompanyids associatedcompanyid associateddealids associatednoteids"),
        ),
        starting=table((out("opted out of one kind of e-mail"), "optedoutofemail")),
    ),
    Export(
        "Salesforce leads",
        """
        leadid leadsource | leadid leadstatus | company leadstatus leadowner |
        company leadsource leadstatus | id isconverted company | leadstatus emailoptout company |
        lastname company leadsource status
        """,
        table(
            *_SALESFORCE,
            (_record("salesforce"), "leadid id"),
            (detail("lead_status"), "leadstatus status"),
            (detail("converted", Form.FLAG), "isconverted converted"),
            (aside(INTERNAL), "isunreadbyowner unreadbyowner"),
        ),
    ),
    Export(
        "Salesforce contacts",
        """
        contactid accountname | emailoptout accountname | mailingcity accountname |
        id hasoptedoutofemail | id accountid lastname | id mailingcity lastname |
        emailoptout mailingcity
        """,
        table(*_SALESFORCE, (_record("salesforce"), "contactid id"), *_CRM_ADDRESS),
    ),
    Export(
        "Intercom",
        """
        unsubscribedfromemails | websessions lastseen | signedup lastseen |
        hashardbounced markedemailasspam
        """,
        table(
            (Known(Meaning.OWN_ID), "userid externalid"),
            (_record("intercom"), "id intercomid contactid"),
            (out("unsubscribed"), "unsubscribedfromemails unsubscribedfromemail"),
            (out("reported spam"), "markedemailasspam"),
            (_BOUNCED, "hashardbounced"),
            (_CREATED, "signedup signedupat createdat"),
            (detail("first_seen", Form.DATE), "firstseen firstseenat"),
            (detail("last_seen", Form.DATE), "lastseen lastseenat lastrequestat"),
            (detail("last_contacted", Form.DATE), "lastcontacted lastcontactedat"),
            (detail("last_heard_from", Form.DATE), "lastheardfrom lastrepliedat"),
            (detail("last_opened_email", Form.DATE), "lastopenedemail lastemailopenedat"),
            (detail("last_clicked_email", Form.DATE), "lastclickedonlinkinemail lastemailclickedat"),
            (detail("web_sessions", Form.NUMBER), "websessions sessioncount"),
            (detail("language"), "languageoverride"),
            (Known(Meaning.TAGS, "tags"), "tag tags"),
            (aside(WHEREABOUTS), "browserlanguage browser browserversion os lastseenip continentcode"),
            (aside("user or lead, in Intercom"), "type role"),
        ),
        zone="UTC",
    ),
    Export(
        "Mailchimp audience",
        """
        memberrating optintime | memberrating leid | emailaddress optintime | optintime leid |
        emailaddress unsubtime | emailaddress cleantime | leid euid
        """,
        table(
            (aside(INTERNAL), "leid euid"),
            (out("unsubscribed"), "unsubtime"),
            (out("cleaned: the address bounced"), "cleantime"),
            (
                aside("about the campaign that somebody left by"),
                """
                unsubcampaigntitle unsubcampaignid unsubreason unsubreasonother
                cleancampaigntitle cleancampaignid
                """,
            ),
            (detail("last_changed", Form.DATE), "lastchanged"),
            (detail("member_rating", Form.NUMBER), "memberrating"),
            (detail("birthday"), "birthday"),
            (aside(WHEREABOUTS), "cc region timezone"),
            (aside(FREE_TEXT), "notes"),
        ),
        zone="UTC",
        removed=("unsubtime", "cleantime"),
        subscribed=True,
        advice="Mailchimp writes unsubscribed and cleaned people into files of their own: give each to"
        " bulk init too, it makes jobs of them that unsubscribe.",
    ),
    Export(
        "Pipedrive people",
        """
        personname personid | personemailwork | personname personorganization |
        personname personowner | personmarketingstatus | personname personemail
        """,
        table(
            (_record("pipedrive"), "id"),
            (Known(Meaning.OPTED_IN, about="marketing status"), "marketingstatus"),
            (detail("double_opt_in", Form.FLAG), "doubleoptin"),
            (_CREATED, "created personcreated addtime"),
            (detail("last_modified", Form.DATE), "updatetime personupdatetime"),
            (detail("last_activity", Form.DATE), "lastactivitydate"),
            (detail("next_activity", Form.DATE), "nextactivitydate"),
            (detail("open_deals", Form.NUMBER), "opendeals"),
            (detail("won_deals", Form.NUMBER), "wondeals closeddealswon"),
            (detail("lost_deals", Form.NUMBER), "lostdeals"),
            (Known(Meaning.TAGS, "labels"), "label labels"),
            (aside(INTERNAL), "organizationid organizationorganizationid"),
        ),
        prefix="person",
    ),
    Export(
        "Zendesk users",
        """
        externalid organizationid | lastloginat timezone role | email role suspended |
        externalid role verified | email role organizationid
        """,
        table(
            (Known(Meaning.OWN_ID), "externalid"),
            (_record("zendesk"), "id"),
            (_CREATED, "createdat"),
            (detail("last_modified", Form.DATE), "updatedat"),
            (detail("last_login", Form.DATE), "lastloginat"),
            (detail("suspended", Form.FLAG), "suspended"),
            (detail("verified", Form.FLAG), "verified"),
            (detail("timezone"), "timezone ianatimezone"),
            (Known(Meaning.EXISTS, about="deleted in Zendesk"), "active"),
            (aside("end-user, agent or admin: see that no colleagues are among them"), "role roletype"),
            (
                aside(INTERNAL),
                """
                url organizationid customroleid defaultgroupid localeid photo shared
                sharedagent moderator ticketrestriction onlyprivatecomments
                restrictedagent chatonly twofactorauthenabled alias sharedphonenumber
                reportcsv
                """,
            ),
        ),
        zone="UTC",
    ),
    Export(
        "Klaviyo profiles",
        "klaviyoid | emailmarketingconsent | emailsuppressions | email profilecreatedon",
        table(
            (_record("klaviyo"), "klaviyoid"),
            (Known(Meaning.OPTED_IN, about="e-mail marketing consent"), "emailmarketingconsent"),
            (detail("consent_at", Form.DATE), "emailmarketingconsenttimestamp"),
            (detail("consent_method"), "emailmarketingconsentmethod emailmarketingconsentmethoddetail"),
            (detail("sms_consent"), "smsmarketingconsent"),
            (detail("sms_consent_at", Form.DATE), "smsmarketingconsenttimestamp"),
            (out("suppressed"), "emailsuppressions suppressed emailsuppressed"),
            (_CREATED, "profilecreatedon"),
            (detail("first_active", Form.DATE), "firstactive"),
            (detail("last_active", Form.DATE), "lastactive"),
            (detail("added_at", Form.DATE), "dateadded"),
            (detail("last_open", Form.DATE), "lastopen"),
            (detail("last_click", Form.DATE), "lastclick"),
            (detail("lifetime_value", Form.NUMBER), "historiccustomerlifetimevalue"),
            (detail("orders", Form.NUMBER), "historicnumberoforders"),
            (detail("average_order_value", Form.NUMBER), "averageordervalue"),
            (
                aside("a guess of Klaviyo's about the future"),
                """
                totalcustomerlifetimevalue predictedcustomerlifetimevalue
                predictednumberoforders averagedaysbetweenorders churnriskprediction
                expecteddateofnextorder
                """,
            ),
        ),
        zone="UTC",
    ),
    Export(
        "ActiveCampaign contacts",
        """
        email datecreated ip | email datecreated tags status | email datecreated ipaddress |
        email firstname lastname phone datecreated | contactid datecreated email
        """,
        table(
            (_record("activecampaign"), "id contactid"),
            (Known(Meaning.OPTED_IN, about="status"), "status"),
            (_CREATED, "datecreated"),
            (detail("last_modified", Form.DATE), "dateupdated lastupdated"),
            (detail("score", Form.NUMBER), "score contactscore"),
            (detail("company"), "customeraccount account organization"),
            (aside("names of lists; the tags are carried over"), "lists list"),
        ),
    ),
    Export(
        "Brevo contacts",
        "emailblacklisted",
        table(
            (out("unsubscribed or blocked"), "emailblacklisted"),
            (detail("sms_blocked", Form.FLAG), "smsblacklisted"),
            (_CREATED, "addedtime"),
            (detail("last_modified", Form.DATE), "modifiedtime"),
        ),
    ),
)
"""In the order in which they are looked for."""
