"""What columns mean that have a usual name, in several languages."""

import re
from collections.abc import Mapping

from bulk.starting.meanings import Form, Known, Meaning, table

FREE_TEXT = "free text about people"
STAFF = "names a colleague, not the contact"
UNFIT_ANYWHERE = "does not belong into a messaging system"
WHEREABOUTS = "where or how somebody was connected; nobody needs it to write to them"
INTERNAL = "an id that means nothing outside of the system that was exported"


def detail(name: str, form: Form = Form.TEXT) -> Known:
    """Return what is known of a column that becomes an attribute."""
    return Known(Meaning.DETAIL, name, form)


def aside(about: str) -> Known:
    """Return what is known of a column that is left out."""
    return Known(Meaning.ASIDE, about=about)


def out(about: str) -> Known:
    """Return what is known of a column that says who must not be written to."""
    return Known(Meaning.OPTED_OUT, about=about)


NAMES: Mapping[str, Known] = table(
    (
        Known(Meaning.EMAIL),
        """
        email emailaddress mail emailid mailaddress primaryemail workemail emailwork
        emailhome emailother contactemail customeremail useremail subscriberemail email1
        correo correoelectronico courriel adressemail adresseemail adressedemessagerie
        indirizzoemail email1value emailadresse epost eposta
        """,
    ),
    (Known(Meaning.OWN_ID), "userid externalid externaluserid customerid clientid memberid id uuid"),
    (Known(Meaning.OWN_ID), "customernumber kundennummer codicecliente numeroclient clienteid kundenid uid"),
    (Known(Meaning.RECORD_ID), "recordid contactid leadid personid profileid subscriberid"),
    (
        Known(Meaning.PHONE, "mobile_phone"),
        """
        mobile mobilephone mobilenumber mobilephonenumber phonemobile cell cellphone
        cellulare handy handynummer mobil mobiltelefon portable telephoneportable movil
        celular sms whatsapp
        """,
    ),
    (
        Known(Meaning.PHONE, "phone"),
        """
        phone phonenumber telephone tel phonework workphone primaryphone businessphone
        phone1value telefono telefon telefonnummer telefone numerotelephone
        telephonenumber
        """,
    ),
    (detail("home_phone"), "homephone phonehome"),
    (detail("other_phone"), "otherphone phoneother"),
    (detail("fax"), "fax faxnumber"),
    (
        Known(Meaning.FIRST_NAME, "first_name"),
        """
        firstname first givenname forename fname vorname prenom nome nombre primeironome
        voornaam fornavn imie jmeno
        """,
    ),
    (
        Known(Meaning.LAST_NAME, "last_name"),
        """
        lastname surname familyname lname last nachname nom cognome apellido apellidos
        sobrenome achternaam efternavn nazwisko prijmeni
        """,
    ),
    (
        Known(Meaning.FULL_NAME, "name"),
        "name fullname contactname displayname customername nomecompleto nombrecompleto nomcomplet",
    ),
    (
        detail("company"),
        """
        defaultaddresscompany company companyname organization organisation organizationname
        accountname account
        employer firma azienda societa empresa entreprise societe unternehmen bedrijf
        associatedcompany
        """,
    ),
    (detail("job_title"), "jobtitle title position funktion ruolo cargo poste fonction mansione"),
    (detail("department"), "department abteilung reparto"),
    (detail("industry"), "industry branche settore"),
    (
        detail("street"),
        """
        defaultaddressaddress1 street streetaddress address address1 addressline1 strasse rue
        indirizzo adresse
        """,
    ),
    (detail("street_2"), "address2 addressline2"),
    (detail("city"), "defaultaddresscity city town citta stadt ort ville ciudad cidade plaats"),
    (detail("state"), "state stateregion stateprovince province provincia region bundesland"),
    (
        detail("postal_code"),
        "defaultaddresszip postalcode zip zipcode zippostalcode postcode plz cap codepostal codigopostal cep",
    ),
    (
        detail("country"),
        "defaultaddresscountrycode country countryregion countrycode land paese pays pais nazione",
    ),
    (detail("language"), "language locale preferredlanguage lang lingua sprache langue idioma"),
    (detail("timezone"), "timezone fusoorario zeitzone"),
    (detail("website"), "website websiteurl url homepage sitoweb"),
    (detail("gender"), "gender sex genere geschlecht"),
    (detail("salutation"), "salutation anrede prefix"),
    (
        detail("birthday", Form.ANY),
        "birthday birthdate dateofbirth dob geburtsdatum datadinascita fechanacimiento",
    ),
    (
        detail("last_modified", Form.DATE),
        """
        updatedat updated lastupdated dateupdated updatetime modifiedat modified lastmodified
        modifiedtime lastmodifieddate datemodified
        """,
    ),
    (detail("plan"), "plan planname subscriptionplan tariffa abo"),
    (detail("source"), "source leadsource originalsource originaltrafficsource signupsource"),
    (detail("lifecycle_stage"), "lifecyclestage"),
    (detail("lead_status"), "leadstatus"),
    (detail("annual_revenue", Form.NUMBER), "annualrevenue umsatz fatturato"),
    (detail("employees", Form.NUMBER), "numberofemployees noofemployees employees dipendenti mitarbeiter"),
    (
        detail("legal_basis"),
        """
        legalbasis legalbasisforprocessingcontactsdata lawfulbasis gdprlegalbasis
        basegiuridica rechtsgrundlage baselegale consentmethod consentsource
        """,
    ),
    (
        detail("consent_at", Form.DATE),
        """
        optintime consenttimestamp consentdate consentat consenttime optindate optedinat
        optinat subscribedat subscribedon subscriptiondate dateconsent gdprconsentdate
        consentgivenat datadelconsenso einwilligungam dateconsentement
        """,
    ),
    (detail("confirmed_at", Form.DATE), "confirmtime confirmedat confirmationdate doubleoptinat"),
    (
        Known(Meaning.CREATED, "created_at", Form.DATE),
        """
        createdat created createdate datecreated createddate creationdate creationtime
        createdon signedup signedupat signupdate signup registered registeredat
        registrationdate dateadded addedat addedtime joined joinedat datejoined
        datacreazione dataregistrazione datadiregistrazione erstelltam registriertam
        fechacreacion fechaalta datecreation dateinscription datedinscription iscrittoil
        dataiscrizione registrierungsdatum membersince customersince
        """,
    ),
    (Known(Meaning.TAGS, "tags"), "tags tag labels label interests groups segments lists etichette"),
    (
        aside(STAFF),
        """
        owner contactowner accountowner leadowner ownerid createdby createdbyid
        lastmodifiedby lastmodifiedbyid modifiedby assignedto personowner accountmanager
        salesrep
        """,
    ),
    (aside(FREE_TEXT), "notes note description details comments comment message bio signature about"),
    (
        aside(WHEREABOUTS),
        """
        ip ipaddress optinip confirmip signupip lastip latitude longitude lat lng gmtoff
        dstoff useragent browser browserversion os devicetype
        """,
    ),
)

_CHANNEL = re.compile(r"sms|call|phone|fax|whatsapp|postal|directmail|push|mobile")
_SECRET = re.compile(r"passw|^pwd$|secret|apikey|accesstoken|creditcard|cardnumber|iban|socialsecurity|^ssn$")
_OUT = re.compile(
    r"unsub|optout|optedout|optoutof|donotcontact|donotemail|donotmail|nomail|suppress|blacklist|blocklist"
    r"|bounce|invalidemail|markedemailasspam|spamreport|complain|disiscri|abgemeldet|abmeld|austrag|abbestell"
    r"|desinscri|desabonn|uitgeschreven|afgemeld|avmeld|wypisan|^baja"
)
_IN = re.compile(
    r"optin|optedin|subscribed|subscriptionstatus|emailstatus|marketingstatus|acceptsmarketing|acceptsemail"
    r"|acceptmarketing|consent|newsletter|mailinglist|permission|einwilligung|marketingemails|agreed"
)
_STATUS = re.compile(r"^(?:member|contact|subscriber|list)?(?:status|state)$")


def named(name: str) -> Known | None:
    """Return what a column's folded name says about it, if anything."""
    if name in NAMES:
        return NAMES[name]
    if _SECRET.search(name):
        return aside(UNFIT_ANYWHERE)
    if _CHANNEL.search(name) and (_OUT.search(name) or _IN.search(name) or "donot" in name):
        return Known(Meaning.DETAIL)
    if _OUT.search(name):
        return out("")
    if _IN.search(name) or _STATUS.search(name):
        return Known(Meaning.OPTED_IN)
    return None
