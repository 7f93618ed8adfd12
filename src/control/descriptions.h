#pragma once

/* The .varlink files of this folder, made into strings by embed.py. */

extern const char description_io_otad[];
extern const char description_org_varlink_service[];
