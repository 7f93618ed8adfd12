"""What is broken of src/verify."""

from mutation import Mutant

MUTANTS = [
    Mutant("any signature is good",
           "signature", "src/verify/signature.c",
           "		if (verifies(keys->keys[i], text, &manifest))",
           "		if (true)"),
    Mutant("the signature of another version is good",
           "signature", "src/verify/signature.c",
           """	if (!check_text("module", manifest->module, subject->module, err) ||
	    !check_text("version", manifest->version, subject->version, err))""",
           """	if (!check_text("module", manifest->module, subject->module, err))"""),
    Mutant("the signature of another file is good",
           "signature", "src/verify/signature.c",
           "	if (!digest_equal(&manifest->sha256, subject->sha256))",
           "	if (false)"),
    Mutant("what follows a signature is ignored",
           "signature", "src/verify/manifest.c",
           """	if (cursor.at != cursor.end)
""",
           """	if (false)
"""),
    Mutant("a private key is taken for a public one",
           "signature", "src/verify/keys.c",
           """	if (strstr(text, "PRIVATE KEY"))""",
           "	if (false)"),
    Mutant("what OpenSSL fails at is a good signature",
           "signature", "src/verify/signature.c",
           "				   manifest->signed_bytes) == 1;",
           "				   manifest->signed_bytes) != 0;"),
    Mutant("a signed size wraps around",
           "signature", "src/verify/manifest.c",
           "digit > 9 || bytes > (UINT64_MAX - digit) / 10)",
           "digit > 9)"),
    Mutant("a signature has blanks in it",
           "signature", "src/verify/manifest.c",
           """		if (!is_base64(text[i]))
			return false;
""",
           ""),
    Mutant("the tail of each block is not hashed",
           "hasher", "src/verify/hasher.c",
           "EVP_DigestUpdate(hasher->sha256, data, size) != 1",
           "EVP_DigestUpdate(hasher->sha256, data, size > 64 ? size & ~63UL : size) != 1"),
]
