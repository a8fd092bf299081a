// SPDX-License-Identifier: Apache-2.0
package dev.svr2.client.evidence;

/**
 * What Intel's TCB info says of a platform's security version.
 *
 * @since 0.1
 */
public enum TcbStatus {
  /** Nothing is known against it. */
  UP_TO_DATE("UpToDate"),
  /** Up to date, where the enclave's software has the hardening that the advisories ask for. */
  SW_HARDENING_NEEDED("SWHardeningNeeded"),
  /** Its configuration must be changed. */
  CONFIGURATION_NEEDED("ConfigurationNeeded"),
  /** Both of the two before. */
  CONFIGURATION_AND_SW_HARDENING_NEEDED("ConfigurationAndSWHardeningNeeded"),
  /** Updates are missing. */
  OUT_OF_DATE("OutOfDate"),
  /** Updates are missing and its configuration must be changed. */
  OUT_OF_DATE_CONFIGURATION_NEEDED("OutOfDateConfigurationNeeded"),
  /** Not to be trusted any more. */
  REVOKED("Revoked");

  private final String wireName;

  TcbStatus(String wireName) {
    this.wireName = wireName;
  }

  /** As it stands in TCB info. */
  public String wireName() {
    return wireName;
  }

  /** Null for a name that is not known. */
  static TcbStatus of(String wireName) {
    for (TcbStatus status : values()) {
      if (status.wireName.equals(wireName)) {
        return status;
      }
    }
    return null;
  }
}
