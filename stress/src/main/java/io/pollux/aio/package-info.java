// SPDX-License-Identifier: GPL-2.0-only

/**
 * Concurrency stress tests of the rings: two threads on one ring, millions of times. {@code
 * stress/run} runs them.
 *
 * <p>The tests of the other floors are in packages of the floors' names beside this one. They are
 * on the class path, so that a test can use what is private to a package.
 */
package io.pollux.aio;
