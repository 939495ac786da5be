// Files that are sent one after the other: a line that is shared by several is no faster.

export class Queue extends EventTarget {
  constructor() {
    super();
    this.transfers = [];
  }

  add(transfer) {
    this.transfers.push(transfer);
    transfer.addEventListener("change", () => this._next());
    this._next();
  }

  get isActive() {
    return this.transfers.some((one) => one.isActive || one.state === "waiting");
  }

  _next() {
    if (!this.transfers.some((one) => one.isActive)) {
      this.transfers.find((one) => one.state === "waiting")?.start();
    }
    this.dispatchEvent(new Event("change"));
  }
}
