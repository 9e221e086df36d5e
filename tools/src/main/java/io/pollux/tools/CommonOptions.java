// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What every command takes. */
@Command(synopsisHeading = "Usage: ", sortOptions = false, showDefaultValues = true)
final class CommonOptions {
  @Option(names = "--help", usageHelp = true, description = "Say what there is to say, and exit.", order = 1000)
  boolean help;

  @Option(names = "--debug", description = "Show where an error came from.", order = 1001)
  boolean debug;

  CommonOptions() {}
}
