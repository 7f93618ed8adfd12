"""What is broken of src/cloud."""

from mutation import Mutant

MUTANTS = [
    Mutant("the padding of a secret belongs to it",
           "cloud-credentials", "src/cloud/tencent.c",
           "		decoded--;",
           "		;"),
    Mutant("commands for devices of another gateway are taken",
           "cloud-decode", "src/cloud/eztcloud.c",
           """ &&
	       !strcmp(name, username(cloud));
}

/* Section 5.3: `holder`""",
           """;
}

/* Section 5.3: `holder`"""),
    Mutant("a SHA-256 is kept as an MD5",
           "cloud-decode", "src/cloud/fields.c",
           """	struct digest *digest = alg == DIGEST_SHA256 ? &reader->offer->sha256 :
						       &reader->offer->md5;""",
           "	struct digest *digest = &reader->offer->md5;"),
    Mutant("a topic may end in any way",
           "cloud-decode", "src/cloud/identity.c",
           """	    strncmp(topic, prefix, prefix_size) != 0 ||
	    strcmp(topic + size - suffix_size, suffix) != 0)""",
           "	    strncmp(topic, prefix, prefix_size) != 0)"),
    Mutant("more than 100 percent are reported",
           "cloud-encode", "src/cloud/encode.c",
           """	if (complete.progress_percent > 100)
		complete.progress_percent = 100;
""",
           ""),
]
