package rpcserver

// inWords says what a text may contain, for each pattern of the protos. Errors show this text instead of the pattern.
var inWords = map[string]string{
	`^[A-Za-z0-9][A-Za-z0-9_./:-]{0,62}$`: "must have 1 to 63 characters: letters (A–Z, a–z), digits, and _ . / : -. It must begin with a letter or a digit",
	`^[A-Za-z0-9][A-Za-z0-9_./:-]{0,252}$`: "must have 1 to 253 characters: letters (A–Z, a–z), digits, and _ . / : -. " +
		"It must begin with a letter or a digit",
	`^[A-Za-z0-9][A-Za-z0-9_./:-]{0,252}=[\s\S]{0,200}$`: "must be a name and a value, such as team=search. The name has 1 to 253 characters: letters (A–Z, a–z), digits, " +
		"and _ . / : -. The value has at most 200",
	`^[A-Za-z0-9._:-]{0,128}$`: "must have at most 128 characters: letters (A–Z, a–z), digits, and . _ : -",
	`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`: "must have 1 to 63 characters: letters (A–Z, a–z), digits, and _ -. " +
		"It must begin with a letter or _",
	`^[^/\x00-\x1F\x7F]{1,100}$`: "must have 1 to 100 characters, without a slash or a control character",
}
