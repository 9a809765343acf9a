/** What users of JetFire compile against: descriptions, the client, and results. */
@NullMarked
package io.jetfire;

import org.jspecify.annotations.NullMarked;
