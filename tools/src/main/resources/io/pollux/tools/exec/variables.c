/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Environment variables that the library sets for executed programs and started processes. A program, such as a shell, may pass on
 * an environment that it copied earlier. So the library keeps the values and adds them to each.
 */
#include "pollux.h"

#include <stdio.h>

#define ENTRY_BYTES 4300

static const char *const names[] = {"POLLUX_SERVER", "POLLUX_CWD", "POLLUX_MEMLOCK"};

#define VARIABLES (sizeof names / sizeof *names)

static char entries[VARIABLES][ENTRY_BYTES]; /* NAME=VALUE, or empty */

static const char *value_of(const char *entry, const char *name) {
  size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1 : NULL;
}

static char *entry_of(const char *name) {
  size_t i = 0;
  while (strcmp(names[i], name) != 0) {
    i++;
  }
  return entries[i];
}

const char *variable_get(const char *name) {
  return value_of(entry_of(name), name);
}

/* Some shells have a setenv of their own, and manage the environment. */
static bool is_managed(void) {
  return dlsym(RTLD_DEFAULT, "setenv") != dlsym(RTLD_NEXT, "setenv");
}

bool variable_set(const char *name, const char *value) {
  char *entry = entry_of(name);
  if (!value) {
    *entry = 0;
    return is_managed() || unsetenv(name) == 0;
  }
  if (strlen(name) + strlen(value) + 2 > ENTRY_BYTES) {
    return false;
  }
  stpcpy(stpcpy(stpcpy(entry, name), "="), value);
  return is_managed() || setenv(name, value, 1) == 0;
}

bool variables_wanted(char *const environment[]) {
  for (size_t i = 0; paths_known() && environment && environment[i]; i++) {
    if (value_of(environment[i], "LD_PRELOAD")) {
      return true;
    }
  }
  return false;
}

size_t variables_room(char *const environment[]) {
  size_t count = 0;
  while (environment[count]) {
    count++;
  }
  return count + VARIABLES + 1;
}

static bool is_ours(const char *entry) {
  for (size_t i = 0; i < VARIABLES; i++) {
    if (value_of(entry, names[i])) {
      return true;
    }
  }
  return false;
}

void variables_add(char *const environment[], char **to) {
  size_t count = 0;
  for (size_t i = 0; environment[i]; i++) {
    if (!is_ours(environment[i])) {
      to[count++] = environment[i];
    }
  }
  for (size_t i = 0; i < VARIABLES; i++) {
    if (*entries[i]) {
      to[count++] = entries[i];
    }
  }
  to[count] = NULL;
}

void variables_init(void) {
  for (size_t i = 0; i < VARIABLES; i++) {
    const char *value = getenv(names[i]);
    if (value && strlen(names[i]) + strlen(value) + 2 <= ENTRY_BYTES) {
      stpcpy(stpcpy(stpcpy(entries[i], names[i]), "="), value);
    }
  }
}
