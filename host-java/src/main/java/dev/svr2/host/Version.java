// SPDX-License-Identifier: Apache-2.0
//
// The version of this build.
package dev.svr2.host;

/** From the jar's manifest. */
public final class Version {
  private Version() {}

  /** {@code development} when the classes do not come out of a jar. */
  public static String current() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
