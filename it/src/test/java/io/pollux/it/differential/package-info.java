// SPDX-License-Identifier: GPL-2.0-only
/**
 * This kernel against Linux itself: random programs of the old aio calls run on both, and
 * everything that a program can see must agree.
 *
 * <ul>
 *   <li>{@link io.pollux.it.differential.AioProgram} is what a program is: steps, and the requests
 *       that they submit.
 *   <li>{@link io.pollux.it.differential.AioPrograms} makes programs up.
 *   <li>{@link io.pollux.it.differential.PolluxMachine} and {@link
 *       io.pollux.it.differential.LinuxMachine} take system calls, and {@link
 *       io.pollux.it.differential.ProgramRun} runs a program on either of them.
 *   <li>{@link io.pollux.it.differential.DifferentialProperties} compares what both say.
 *   <li>{@link io.pollux.it.differential.IntendedDifference} is the one list of what is not
 *       compared, and why.
 * </ul>
 */
@NullMarked
package io.pollux.it.differential;

import org.jspecify.annotations.NullMarked;
