// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The options of every command. */
@Command(synopsisHeading = "Usage: ", sortOptions = false, showDefaultValues = true)
final class CommonOptions {
  @Option(
      names = "--help",
      usageHelp = true,
      description = "Print this help and exit.",
      order = 1000)
  boolean help;

  @Option(names = "--debug", description = "Print the stack trace of an error.", order = 1001)
  boolean debug;

  CommonOptions() {}
}
