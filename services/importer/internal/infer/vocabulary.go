package infer

// The words of this file are in the form of nameOf: in lower case, without accents, and in the singular. They are English, German,
// French, Spanish, Portuguese, Italian, Dutch, and Polish.

// Words of names that describe the kind of a column's values, and not its subject.
var (
	identifiers = []string{"id", "code", "no", "nr", "number", "num", "key", "uuid", "guid",
		"nummer", "kennung", "schlussel", "kurzel", "kennzeichen",
		"numero", "identifiant", "reference", "ref", "matricule", "cle",
		"codigo", "clave", "identificador", "chave", "codice", "identificativo", "sleutel", "numer", "kod", "identyfikator"}
	displayNames = []string{"name", "title", "label",
		"bezeichnung", "titel", "nom", "titre", "libelle", "intitule", "nombre", "titulo", "denominacion", "nome", "titolo", "naam", "nazwa"}
	descriptions = []string{"description", "beschreibung", "descripcion", "descricao", "descrizione", "omschrijving", "opis"}
)

// articles are words that connect others: código de cliente.
var articles = []string{"of", "the", "der", "die", "das", "des", "von", "de", "du", "del", "la", "le", "el", "da", "do", "di", "della", "dello", "van"}

// prepositions are words of names that don't describe the subject: ship_via.
var prepositions = []string{"via", "by", "to", "from", "of", "for", "in", "at", "on"}

// roles are words for jobs of people that refer to a sheet of people, even though they don't have its name.
var roles = []string{"manager", "supervisor", "boss", "report", "rep", "representative", "agent", "owner", "author", "mentor", "lead",
	"leader", "head", "assignee", "approver", "contact", "salesperson", "buyer", "inspector", "teacher", "instructor", "advisor",
	"vorgesetzter", "vorgesetzte", "betreuer", "betreuerin", "leiter", "leiterin", "ansprechpartner", "verantwortlicher", "vertreter",
	"responsable", "chef", "superieur", "jefe", "gerente", "encargado", "vendedor", "vendeur", "responsabile", "capo", "leidinggevende", "kierownik"}

// upwards are words for a reference to a row of the same sheet.
var upwards = []string{"parent", "manager", "supervisor", "boss", "report", "superior", "predecessor", "mentor", "leader",
	"vorgesetzter", "vorgesetzte", "ubergeordnet", "vorganger", "oberkategorie", "superieur", "chef", "jefe", "padre", "capo", "kierownik"}

// people are words for tables of people.
var people = []string{"employee", "person", "people", "staff", "user", "worker", "member",
	"mitarbeiter", "mitarbeiterin", "personal", "benutzer", "mitglied", "personne", "personnel", "employe", "salarie", "utilisateur", "membre",
	"empleado", "persona", "usuario", "miembro", "funcionario", "pessoa", "dipendente", "utente", "medewerker", "pracownik"}

// firstNames and lastNames are the endings of headers for the names of people, without spaces.
var (
	firstNames = []string{"firstname", "fname", "givenname", "vorname", "prenom", "voornaam", "imie"}
	lastNames  = []string{"lastname", "lname", "surname", "familyname", "nachname", "familienname", "nomdefamille", "apellido", "cognome", "achternaam", "nazwisko"}
)
