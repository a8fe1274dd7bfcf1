type Handler<T> = (payload: T) => void;
/** Where `off` is given the same function, it takes it off again. */
export declare class Emitter<Events extends object> {
    #private;
    on<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): this;
    off<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): this;
    once<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): this;
    /** For the class that owns the events. */
    protected emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void;
    /** What a handler of `name` that comes now has missed and still holds. */
    protected current<Name extends keyof Events>(_name: Name): readonly Events[Name][];
}
export {};
