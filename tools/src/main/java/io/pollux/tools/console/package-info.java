// SPDX-License-Identifier: GPL-2.0-only

/** What every command says to people: failures in one line, sizes as they are written, and what a terminal is. */
@NullMarked
package io.pollux.tools.console;

import org.jspecify.annotations.NullMarked;
