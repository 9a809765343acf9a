/** The artifact store on the local file system. */
@NullMarked
package io.jetfire.core.internal.store;

import org.jspecify.annotations.NullMarked;
