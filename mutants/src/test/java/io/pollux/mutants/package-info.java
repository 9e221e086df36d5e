// SPDX-License-Identifier: GPL-2.0-only

/** What the profile {@code mutants} adds to the tests of a module. */
@NullMarked
package io.pollux.mutants;

import org.jspecify.annotations.NullMarked;
