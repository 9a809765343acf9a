/** Reports as pages for the browser: one file each, with nothing loaded from elsewhere. */
@NullMarked
package io.jetfire.report;

import org.jspecify.annotations.NullMarked;
