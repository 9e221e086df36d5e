// SPDX-License-Identifier: GPL-2.0-only

/**
 * What is between a command and the machine that it runs on: the bytes that it was typed with; what it says to people, which are failures in one line and sizes as they are
 * written; what a terminal is; Control-C; and programs of the machine that it runs.
 */
@NullMarked
package io.pollux.tools.console;

import org.jspecify.annotations.NullMarked;
