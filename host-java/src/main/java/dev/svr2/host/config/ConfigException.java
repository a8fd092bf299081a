// SPDX-License-Identifier: Apache-2.0
//
// Refusal of a configuration, with every problem that was found, so that one run shows all of them.
package dev.svr2.host.config;

import java.util.List;
import java.util.stream.Collectors;

/** The configuration cannot be used. The message lists all problems, one a line. */
public final class ConfigException extends Exception {
  private final transient List<ConfigProblem> problems;

  /**
   * Refuses a configuration.
   *
   * @param problems at least one
   */
  public ConfigException(List<ConfigProblem> problems) {
    super(problems.stream().map(ConfigProblem::toString).collect(Collectors.joining("\n")));
    if (problems.isEmpty()) {
      throw new IllegalArgumentException("a refusal needs a reason");
    }
    this.problems = List.copyOf(problems);
  }

  /** All problems, in the order of the file; those without a line last. */
  public List<ConfigProblem> problems() {
    return problems;
  }
}
